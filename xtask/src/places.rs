//! Where things are: the checkout and the cache folder. Nothing here touches what it names.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

/// The checkout that this xtask was built from.
pub(crate) fn checkout() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// The folder for everything that is fetched or built and not committed: `LONGSHORE_CACHE`, else
/// `$XDG_CACHE_HOME/longshore`, else `~/.cache/longshore`.
///
/// # Errors
/// When none of the three variables is set.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("LONGSHORE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("longshore")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/longshore")))
        // Engines are started elsewhere than here.
        .map(|folder| std::path::absolute(&folder).unwrap_or(folder))
        .ok_or_else(|| anyhow!("no cache folder: set LONGSHORE_CACHE (or HOME)"))
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else `target` in the checkout.
pub(crate) fn target() -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty());
    checkout().join(set.unwrap_or_else(|| "target".into()))
}

/// A short name for the cache folder, so that two of them never share a network namespace.
pub(crate) fn cache_tag(cache: &Path) -> String {
    tag(cache.as_os_str().as_encoded_bytes())
}

/// A short name for these bytes: FNV-1a, six hex digits.
pub(crate) fn tag(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    format!("{:06x}", hash & 0x00ff_ffff)
}

/// The first file called `name` on the search path, with the folders that hold a system's own tools added.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
