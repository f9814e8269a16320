//! Codes that activation meets and that do not come from the license service, and what a bare number tells.
//!
//! Sources: the Windows headers (`winerror.h`, `wbemcli.h`); Microsoft, "XStoreAcquireLicenseForPackageResult" (0x87E10BC6);
//! `slerror.h` of Windows 10 (0x803FA065 to 0x803FA067).

use super::{Answer, Class};

const WMI: &str = "Windows' management service (WMI) is damaged: restart this PC; if it stays so, run `winmgmt \
                   /salvagerepository` as administrator.";
const SERVICE: &str = "Open Services, set \"Software Protection\" (sppsvc) to \"Automatic (Delayed Start)\", and restart \
                       this PC.";
const CLOCK: &str = "Set date, time and time zone of this PC right, then run the same command again.";

/// Sorted by code; the codes of the license service are in `answers`.
pub(super) static ANSWERS: [Answer; 22] = [
    Answer {
        code: 0x0000_0BC2,
        symbol: "ERROR_SUCCESS_REBOOT_REQUIRED",
        says: "It is done and takes effect after a restart.",
        next: Class::Restart.next(),
        class: Class::Restart,
    },
    Answer {
        code: 0x8004_1001,
        symbol: "WBEM_E_FAILED",
        says: "Windows' management service (WMI) failed without saying why.",
        next: WMI,
        class: Class::Other,
    },
    Answer {
        code: 0x8004_1002,
        symbol: "WBEM_E_NOT_FOUND",
        says: "Windows' management service (WMI) does not find the license service's objects.",
        next: WMI,
        class: Class::Other,
    },
    Answer {
        code: 0x8004_1003,
        symbol: "WBEM_E_ACCESS_DENIED",
        says: "Windows' management service (WMI) refuses this user.",
        next: Class::Rights.next(),
        class: Class::Rights,
    },
    Answer {
        code: 0x8004_100E,
        symbol: "WBEM_E_INVALID_NAMESPACE",
        says: "Windows' management service (WMI) has lost its namespace.",
        next: WMI,
        class: Class::Other,
    },
    Answer {
        code: 0x8004_1010,
        symbol: "WBEM_E_INVALID_CLASS",
        says: "Windows' management service (WMI) does not know the license service.",
        next: WMI,
        class: Class::Other,
    },
    Answer {
        code: 0x8007_02E4,
        symbol: "ERROR_ELEVATION_REQUIRED",
        says: "Administrator rights are required.",
        next: Class::Rights.next(),
        class: Class::Rights,
    },
    Answer {
        code: 0x8007_0422,
        symbol: "ERROR_SERVICE_DISABLED",
        says: "The license service is disabled.",
        next: SERVICE,
        class: Class::Other,
    },
    Answer {
        code: 0x8007_0426,
        symbol: "ERROR_SERVICE_NOT_ACTIVE",
        says: "The license service does not run.",
        next: SERVICE,
        class: Class::Other,
    },
    Answer {
        code: 0x8007_0BC2,
        symbol: "ERROR_SUCCESS_REBOOT_REQUIRED",
        says: "It is done and takes effect after a restart.",
        next: Class::Restart.next(),
        class: Class::Restart,
    },
    Answer {
        code: 0x8007_2EE2,
        symbol: "WININET_E_TIMEOUT",
        says: "The activation server did not answer in time.",
        next: Class::Network.next(),
        class: Class::Network,
    },
    Answer {
        code: 0x8007_2EE7,
        symbol: "WININET_E_NAME_NOT_RESOLVED",
        says: "The name of the activation server could not be looked up: there is no internet, or no name server.",
        next: Class::Network.next(),
        class: Class::Network,
    },
    Answer {
        code: 0x8007_2EFD,
        symbol: "WININET_E_CANNOT_CONNECT",
        says: "The activation server could not be reached; a firewall or proxy may be in the way.",
        next: Class::Network.next(),
        class: Class::Network,
    },
    Answer {
        code: 0x8007_2EFE,
        symbol: "WININET_E_CONNECTION_ABORTED",
        says: "The connection to the activation server broke off.",
        next: Class::Network.next(),
        class: Class::Network,
    },
    Answer {
        code: 0x8007_2F05,
        symbol: "WININET_E_SEC_CERT_DATE_INVALID",
        says: "The activation server's certificate is not valid on this PC's date.",
        next: CLOCK,
        class: Class::Network,
    },
    Answer {
        code: 0x8007_2F8F,
        symbol: "WININET_E_DECODING_FAILED",
        says: "No secure connection to the activation server: mostly the date of this PC is wrong, or its Windows too old.",
        next: CLOCK,
        class: Class::Network,
    },
    Answer {
        code: 0x803F_7001,
        symbol: "",
        says: "No license was found for this hardware.",
        next: Class::Hardware.next(),
        class: Class::Hardware,
    },
    Answer {
        code: 0x803F_8001,
        symbol: "LM_E_CONTENT_NOT_OWNED",
        says: "The Microsoft Store knows no license for this PC and account.",
        next: Class::Hardware.next(),
        class: Class::Store,
    },
    Answer {
        code: 0x803F_A065,
        symbol: "SL_REMAPPING_MDOLLAR_PRODUCT_KEY_OUT_OF_RANGE",
        says: "The activation server does not know this product key.",
        next: Class::Key.next(),
        class: Class::Key,
    },
    Answer {
        code: 0x803F_A066,
        symbol: "SL_REMAPPING_MDOLLAR_INVALID_BINDING",
        says: "The activation server finds that this product key does not belong to this hardware.",
        next: Class::Hardware.next(),
        class: Class::Hardware,
    },
    Answer {
        code: 0x803F_A067,
        symbol: "SL_REMAPPING_MDOLLAR_PRODUCT_KEY_BLOCKED",
        says: "The activation server has blocked this product key. With a generic one it says so on a PC that has no license \
               for that edition.",
        next: "To change the edition with a generic product key, disconnect this PC from the internet, enter it, connect \
               again and enter your own. For a product key of your own, ask the seller.",
        class: Class::Blocked,
    },
    Answer {
        code: 0x87E1_0BC6,
        symbol: "LM_E_CONTENT_NOT_IN_CATALOG",
        says: "The licensing service of the Microsoft Store does not find this Windows in its catalog.",
        next: Class::Store.next(),
        class: Class::Store,
    },
];

/// First and last code, class, what the number alone tells. Sorted, without overlap.
const RANGES: &[(u32, u32, Class, &str)] = &[
    (0x4004_0000, 0x4004_FFFF, Class::Other, "The license service informs about something that Keystow does not know."),
    (0x8001_0000, 0x8001_FFFF, Class::Other, "One part of Windows does not reach another."),
    (0x8004_1000, 0x8004_1FFF, Class::Other, "Windows' management service (WMI) failed."),
    (0x8007_06A4, 0x8007_0707, Class::Network, "A service could not be called (RPC)."),
    (0x8007_2328, 0x8007_270F, Class::Network, "The name of a server could not be looked up (DNS)."),
    (0x8007_2710, 0x8007_2AFF, Class::Network, "The network connection failed."),
    (0x8007_2EE0, 0x8007_2FFF, Class::Network, "The connection to the activation server failed."),
    (0x8009_0000, 0x8009_FFFF, Class::Other, "A cryptographic function of Windows failed."),
    (0x800B_0000, 0x800B_FFFF, Class::Network, "A certificate is not trusted; mostly the date of this PC is wrong."),
    (0x8019_0000, 0x8019_FFFF, Class::Network, "The activation server answered with an error of the web."),
    (0x8024_0000, 0x8024_FFFF, Class::Busy, "Windows Update failed."),
    (0x8028_0000, 0x8029_FFFF, Class::Hardware, "The security chip (TPM) failed."),
    (0x803F_0000, 0x803F_FFFF, Class::Store, "The Microsoft Store, which keeps digital licenses, refused."),
    (0x87E1_0000, 0x87E1_FFFF, Class::Store, "The licensing service of the Microsoft Store failed."),
    (0xC004_C000, 0xC004_CFFF, Class::Other, "The activation server refused, for a reason that Keystow does not know."),
    (0xC004_D000, 0xC004_DFFF, Class::Other, "Windows' protected license store failed."),
    (0xC004_E000, 0xC004_EFFF, Class::Other, "The license service failed inside."),
    (0xC004_F000, 0xC004_FFFF, Class::Other, "The license service refused, for a reason that Keystow does not know."),
];

/// What the number of a code tells when nothing else is known about it, as a sentence.
#[must_use]
pub fn general(hresult: u32) -> &'static str {
    range(hresult).1
}

/// Class and words by the facility, or a part of it, that a code belongs to.
pub(super) fn range(hresult: u32) -> (Class, &'static str) {
    let row = RANGES.iter().find(|(first, last, _, _)| (*first..=*last).contains(&hresult));
    let facility = hresult >> 16;
    match (row, facility) {
        (Some((_, _, class, words)), _) => (*class, words),
        (None, 0x8007) => (Class::Other, "Windows refused; the code is one of its system error codes."),
        (None, _) => (Class::Other, "A part of Windows gave a code that Keystow does not know."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::class;

    #[test]
    fn ranges_are_sorted_and_every_bound_is_inside() {
        assert!(RANGES.windows(2).all(|pair| pair[0].1 < pair[1].0));
        for (first, last, class, words) in RANGES {
            assert!(first <= last);
            assert_eq!((range(*first), range(*last)), ((*class, *words), (*class, *words)), "{first:#x}");
        }
    }

    #[test]
    fn an_unknown_code_is_still_put_where_it_belongs() {
        assert_eq!(class(0x8007_2EF1), Class::Network);
        assert_eq!(class(0x803F_7777), Class::Store);
        assert_eq!(general(0xC004_FFFE), "The license service refused, for a reason that Keystow does not know.");
        assert_eq!(general(0x8007_0002), "Windows refused; the code is one of its system error codes.");
        assert_eq!(class(0xDEAD_BEEF), Class::Other);
    }
}
