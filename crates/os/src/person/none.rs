//! A platform without such accounts.

pub(super) fn has_microsoft_account() -> Option<bool> {
    None
}
