//! What a server and its clients say to each other: every input is a value or an error, and a value that is written is
//! read again as the same.
#![no_main]

use keystow_account::wire::organization::*;
use keystow_account::wire::*;

/// Tries one type after the other.
macro_rules! all {
    ($data:expr; $($type:ty),* $(,)?) => {$(
        if let Ok(value) = serde_json::from_slice::<$type>($data) {
            let text = serde_json::to_vec(&value).unwrap();
            let again: $type = serde_json::from_slice(&text).unwrap();
            assert_eq!(serde_json::to_vec(&again).unwrap(), text);
        }
    )*};
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    all!(data;
        RegisterStart, RegisterStarted, Register, Registered, LoginStart, LoginStarted, LoginFinish, SignedIn,
        CredentialStart, CredentialStarted, CredentialChange, Status, Devices, Label, File, Files, Head, Heads, Removed,
        After, Records, Ask, Asked, Asking, Approve, Claim, Deletion, Empty, Refused,
    );
    all!(data;
        NewOrganization, Organizations, NewInvite, NewToken, Invites, Knock, Offer, Join, Members, SetRole, Enroll,
        FromSeries, Machines, Reports, RemoveMachine, AfterEntry, Audit,
    );
    if let Ok(record) = serde_json::from_slice::<Record>(data) {
        let (hash, head) = (record.hash(), record.head());
        assert!(head.hash == hash && head.index == record.index);
        let without = Record { body: Bytes::default(), ..record };
        assert!(without.is_whole() && without.hash() == hash, "the hash stays when the body is removed");
    }
});
