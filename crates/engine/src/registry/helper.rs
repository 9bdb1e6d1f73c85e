//! Docker's credential helpers: a program `docker-credential-NAME` that is asked over its standard input.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::Credentials;
use super::provider::CredentialError;

/// A helper may ask a person or a cloud; who takes longer has forgotten us.
const LIMIT: Duration = Duration::from_secs(30);
/// Tokens have some kilobytes.
const MAX_ANSWER: u64 = 64 * 1024;
/// The name that means that the secret is an identity token.
const TOKEN: &str = "<token>";

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username", default)]
    user: String,
    #[serde(rename = "Secret", default)]
    secret: String,
}

/// What the helper `name` has for `address`; `None` when it has nothing.
pub(super) async fn get(name: &str, address: &str) -> Result<Option<Credentials>, CredentialError> {
    // It becomes part of a program's name, and must not lead to another folder.
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    {
        return Err(CredentialError::new(
            "the name of a credential helper in the configuration is not valid",
        ));
    }
    run(&format!("docker-credential-{name}"), LIMIT, address).await
}

async fn run(program: &str, limit: Duration, address: &str) -> Result<Option<Credentials>, CredentialError> {
    let failed = |why: &str| CredentialError::new(format!("the credential helper {program} {why}"));
    let asked = tokio::time::timeout(limit, ask(program, address)).await;
    let (ok, text) = match asked {
        Err(_) => return Err(failed("did not answer in time")),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(failed("is not on the PATH"));
        }
        Ok(Err(error)) => return Err(failed(&format!("cannot be used: {error}"))),
        Ok(Ok(answer)) => answer,
    };
    if text.len() as u64 > MAX_ANSWER {
        return Err(failed("answered with more than 64 KiB"));
    }
    if !ok {
        // The protocol has no code for it, only these words (docker-credential-helpers' own constant).
        let nothing = String::from_utf8_lossy(&text).contains("credentials not found");
        // Other words may hold anything, and are not passed on.
        return if nothing { Ok(None) } else { Err(failed("failed")) };
    }
    let answer: Answer =
        serde_json::from_slice(&text).map_err(|_| failed("answered something else than JSON"))?;
    Ok(match (answer.user.as_str(), answer.secret) {
        ("", secret) if secret.is_empty() => None,
        (TOKEN, secret) => Some(Credentials::identity_token(secret)),
        (user, secret) => Some(Credentials::password(user, secret)),
    })
}

/// Runs it once. Dropping the future kills it.
async fn ask(program: &str, address: &str) -> io::Result<(bool, Vec<u8>)> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(address.as_bytes()).await {
            // One that needs no question may have closed its input.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    let mut text = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_ANSWER + 1).read_to_end(&mut text).await?;
        if text.len() as u64 > MAX_ANSWER {
            child.kill().await?;
        }
    }
    let status = child.wait().await?;
    Ok((status.success() || text.len() as u64 > MAX_ANSWER, text))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_helper_that_is_not_there_is_named() {
        let error = get("longshore-no-such", "x").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the credential helper docker-credential-longshore-no-such is not on the PATH"
        );
        assert!(
            get("../../bin/sh", "x")
                .await
                .unwrap_err()
                .to_string()
                .contains("not valid")
        );
    }

    /// A helper that is this script.
    fn script(folder: &std::path::Path, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.join("docker-credential-script");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_helper_is_asked_over_its_input_and_only_its_answer_counts() {
        let folder = tempfile::tempdir().unwrap();
        let answers = |text: &'static str| {
            let program = script(folder.path(), text);
            async move { run(&program, Duration::from_millis(500), "registry:5000").await }
        };
        let asked =
            r#"test "$1" = get && printf '{"ServerURL":"x","Username":"me","Secret":"got-%s"}' "$(cat)""#;
        let me = Credentials::password("me", "got-registry:5000");
        assert_eq!(answers(asked).await.unwrap(), Some(me));
        let token = r#"echo '{"Username":"<token>","Secret":"t"}'"#;
        assert_eq!(
            answers(token).await.unwrap(),
            Some(Credentials::identity_token("t"))
        );
        let nothing = "echo 'credentials not found in native keychain'; exit 1";
        assert_eq!(answers(nothing).await.unwrap(), None);
        for (bad, expected) in [
            ("echo hunter2; exit 1", "failed"),
            ("echo hunter2", "something else than JSON"),
            ("exec sleep 60", "in time"),
            ("exec cat /dev/zero", "64 KiB"),
        ] {
            let error = answers(bad).await.unwrap_err().to_string();
            assert!(
                error.contains(expected) && !error.contains("hunter2"),
                "{bad}: {error}"
            );
        }
    }
}
