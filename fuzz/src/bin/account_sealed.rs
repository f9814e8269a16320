//! What a server gives back sealed: every input opens or is refused, and only what was sealed opens.
#![no_main]

use keystow_account::id::AccountId;
use keystow_account::keys::{AccountKey, CopyKey, code};
use keystow_account::organization::Membership;
use keystow_account::wire::Bytes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let key = CopyKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
    let sealed = Bytes(data.to_vec());
    if let Ok(plain) = key.open("vault.json", &sealed) {
        assert_eq!(key.seal("vault.json", &plain).unwrap(), sealed, "the same thing is sealed as the same bytes");
    }
    let again = key.seal("vault.json", data).unwrap();
    assert_eq!(key.open("vault.json", &again).unwrap().as_slice(), data);
    assert!(key.open("README.txt", &again).is_err());
    let (account, id) = (AccountKey::generate().unwrap(), AccountId::new([1; 16]));
    assert!(account.open_identity(&sealed).is_err());
    assert!(Membership::open(&account, &id, &sealed).is_err());
    if let Ok(keybox) = account.seal_to(&id, &sealed) {
        assert!(data.len() == 32 && keybox.0.len() == 32 + 24 + 32 + 16);
    }
    assert_eq!(code(&id, &sealed).len(), 14);
});
