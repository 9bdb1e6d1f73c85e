//! What is sent of a context: read and checked before the call.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::context::Context;
use super::ignore::Ignore;
use super::options::Kind;
use super::{BuildImage, Dockerfile, bad, dockerfile};
use crate::{Error, Upload};

const IGNORE: &str = ".dockerignore";
/// A Dockerfile or an ignore file has some kilobytes.
const MAX_TEXT: u64 = 4 * 1024 * 1024;

/// What is sent.
pub(super) struct Prepared {
    pub(super) upload: Upload,
    /// Its path in the context.
    pub(super) dockerfile: String,
    pub(super) remote: Option<String>,
    pub(super) registries: BTreeSet<String>,
}

pub(super) async fn prepare(kind: Kind, options: &BuildImage, buildkit: bool) -> Result<Prepared, Error> {
    let mut registries: BTreeSet<String> = options.registries.iter().cloned().collect();
    let inside = |options: &BuildImage| match &options.dockerfile {
        Dockerfile::Inside(path) => Ok(path.clone()),
        Dockerfile::Outside(_) | Dockerfile::Text(_) => {
            Err(bad("a Dockerfile from elsewhere can only be added to a folder"))
        }
    };
    match kind {
        Kind::Tar(upload) => Ok(Prepared {
            upload,
            dockerfile: inside(options)?,
            remote: None,
            registries,
        }),
        Kind::Remote(address) => Ok(Prepared {
            upload: Upload::from(Vec::new()),
            dockerfile: inside(options)?,
            remote: Some(address),
            registries,
        }),
        Kind::Folder(root) => {
            let (dockerfile, args) = (options.dockerfile.clone(), options.args.clone());
            let reading = tokio::task::spawn_blocking(move || folder(root, dockerfile, &args, buildkit));
            let (context, dockerfile, named) = reading
                .await
                .map_err(|error| bad("it could not be read").with_source(error))??;
            registries.extend(named);
            Ok(Prepared {
                upload: context.into_upload(),
                dockerfile,
                remote: None,
                registries,
            })
        }
    }
}

/// The folder as a context, where its Dockerfile is in it, and the registries that the Dockerfile names.
fn folder(
    root: PathBuf,
    dockerfile: Dockerfile,
    args: &BTreeMap<String, String>,
    buildkit: bool,
) -> Result<(Context, String, BTreeSet<String>), Error> {
    let unread =
        |what: &Path, error: io::Error| bad(format!("{} cannot be read", what.display())).with_source(error);
    let text = |path: &Path| small(path).map_err(|error| unread(path, error));
    let (name, content, is_inside) = match dockerfile {
        Dockerfile::Text(text) => (None, text.into_bytes(), false),
        Dockerfile::Outside(path) => (None, text(&path)?, false),
        Dockerfile::Inside(name) => {
            if Path::new(&name)
                .components()
                .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
            {
                return Err(bad(format!(
                    "the Dockerfile's path {name:?} leads out of the context"
                )));
            }
            let name = name.trim_start_matches("./").to_owned();
            let content = text(&root.join(&name))?;
            (Some(name), content, true)
        }
    };
    // BuildKit prefers the ignore file beside a Dockerfile; the classic builder knows only the context's own.
    let beside = name
        .as_ref()
        .filter(|_| buildkit)
        .map(|name| format!("{name}{IGNORE}"));
    let mut ignored = None;
    for path in beside.iter().map(String::as_str).chain([IGNORE]) {
        let path = root.join(path);
        match small(&path) {
            Ok(text) => {
                ignored = Some((path, text));
                break;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unread(&path, error)),
        }
    }
    let ignore = match &ignored {
        Some((path, text)) => Ignore::read(text)
            .map_err(|error| bad(format!("{} is not valid", path.display())).with_source(error))?,
        None => Ignore::default(),
    };
    let registries = dockerfile::registries(&String::from_utf8_lossy(&content), args);
    let mut context = Context::new(root, ignore);
    let name = match (name, is_inside) {
        (Some(name), true) => name,
        _ => {
            let mut hasher = DefaultHasher::new();
            content.hash(&mut hasher);
            format!(".dockerfile.{:016x}", hasher.finish())
        }
    };
    if is_inside {
        context.always(&name);
    } else {
        context.instead(&name, content);
    }
    if !buildkit {
        // The classic builder takes out of the context what its ignore file names, the Dockerfile too, after it has
        // read them.
        if is_inside {
            context.always(IGNORE);
        } else {
            let mut text = ignored.map(|(_, text)| text).unwrap_or_default();
            text.extend_from_slice(format!("\n{name}\n").as_bytes());
            context.instead(IGNORE, text);
        }
    }
    Ok((context, name, registries))
}

fn small(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut text = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_TEXT + 1)
        .read_to_end(&mut text)?;
    if text.len() as u64 > MAX_TEXT {
        return Err(io::Error::other("it is larger than 4 MiB"));
    }
    Ok(text)
}
