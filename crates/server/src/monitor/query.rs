//! What a subscriber asks for when it comes.

use longshore_core::EventFilterSet;

use crate::{
    convert::FleetCursor,
    error::{ApiError, ApiResult},
    rest,
};

/// What a subscriber asks for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Asked {
    pub(super) filters: EventFilterSet,
    /// Arrays of messages.
    pub(super) batch: bool,
    /// Where to go on, for each host.
    pub(super) resume: FleetCursor,
}

/// As it is described.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "only described; keys that come more than once are read as pairs"
)]
pub(crate) struct Params {
    /// May be repeated. A word fits a part of the type or of the action; `type:`, `action:`, `name:`, `image:`,
    /// `label:` (`k` or `k=v`) and `host:` before a word are exact. Of one form any fits, different forms must all fit,
    /// and every label must be there.
    filter: Option<Vec<String>>,
    /// `1`: every frame is a `docker_batch`, an array of messages.
    batch: Option<String>,
    /// The newest `cursor` that came with a message, of each host: what happened since, or a gap, comes first. May be
    /// repeated.
    resume: Option<Vec<String>>,
}

impl Asked {
    pub(super) fn read(pairs: &[(String, String)]) -> ApiResult<Self> {
        let mut asked = Self::default();
        for (key, value) in pairs {
            match key.as_str() {
                "filter" => {
                    let refused = |error| ApiError::invalid(format!("filter: {error}"));
                    asked.filters.add(value).map_err(refused)?;
                }
                "resume" => asked.resume.merge(&rest::read_cursor("resume", value)?),
                "batch" => {
                    asked.batch = match value.as_str() {
                        "" | "1" | "true" => true,
                        "0" | "false" => false,
                        _ => return Err(ApiError::invalid("batch is 1 (true) or 0 (false)")),
                    }
                }
                other => {
                    let shown: String = other.chars().take(40).collect();
                    return Err(ApiError::invalid(format!(
                        "no parameter {shown:?}: there are filter, batch, resume"
                    )));
                }
            }
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use longshore_api::ErrorCode;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> ApiResult<Asked> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        Asked::read(&pairs)
    }

    #[test]
    fn keys_may_be_repeated_and_rubbish_is_refused() {
        let asked = read(&[
            ("filter", "start"),
            ("resume", "local=1.a.5"),
            ("filter", "label:app=shop"),
            ("resume", "far=1.b.6"),
            ("batch", "1"),
        ])
        .unwrap();
        assert_eq!(
            asked.filters.words().collect::<Vec<_>>(),
            ["start", "label:app=shop"]
        );
        assert!(asked.batch);
        assert_eq!(asked.resume.to_string(), "far=1.b.6,local=1.a.5");
        assert_eq!(read(&[]).unwrap(), Asked::default());
        for (key, value) in [
            ("filter", ""),
            ("filter", "colour:red"),
            ("batch", "perhaps"),
            ("resume", "rubbish"),
            ("resume", ""),
            ("fliter", "start"),
        ] {
            let error = read(&[(key, value)]).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{key}={value}");
            let names_it = [key, "filter"].iter().any(|word| error.message().contains(word));
            assert!(names_it, "{key}={value}: {}", error.message());
        }
    }
}
