//! How much of a proof a test does: a small size at every change, the full one by `cargo xtask soak`.

/// The variable that asks for the full size.
pub const VARIABLE: &str = "LONGSHORE_SOAK";

/// `full` when [`VARIABLE`] is `1`, else `small`.
///
/// The guarantee is the same at both sizes; a test says both in one place, so that the small one is never all there is.
#[must_use]
pub fn sized<T>(small: T, full: T) -> T {
    if std::env::var(VARIABLE).is_ok_and(|value| value == "1") {
        full
    } else {
        small
    }
}
