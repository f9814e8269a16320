//! What people type, and what stands in files and lines of an account: every input is read or refused, and what was
//! read is written as it was meant.
#![no_main]

use keystow_account::id::AccountId;
use keystow_account::keys::{CopyKey, RecoveryCode, same_code};
use keystow_account::organization::{Enrollment, Invitation};
use keystow_account::server::Setup;
use keystow_account::wire::{Name, Token};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(name) = Name::parse(text) {
        assert_eq!(Name::parse(name.as_str()).as_ref(), Some(&name), "a name stays a name");
    }
    if let Some(id) = AccountId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Some(code) = RecoveryCode::parse(text) {
        let again = RecoveryCode::parse(code.reveal()).unwrap();
        assert!(again.reveal() == code.reveal() && same_code(code.reveal(), text));
    }
    if let Some(key) = CopyKey::parse(text) {
        assert_eq!(key.reveal().as_str(), text);
    }
    if let Ok(setup) = Setup::parse(text) {
        let again = Setup::parse(&setup.to_text().unwrap()).unwrap();
        assert_eq!(again.id(), setup.id());
    }
    if let Some(invitation) = Invitation::parse(text) {
        assert!(Invitation::parse(&invitation.reveal()).is_some());
    }
    if let Some(enrollment) = Enrollment::parse(text) {
        assert!(Enrollment::parse(&enrollment.reveal()).is_some());
        let _ = enrollment.machine();
    }
    let token = serde_json::from_value::<Token>(text.into());
    assert!(token.is_err() || text.len() == 86);
});
