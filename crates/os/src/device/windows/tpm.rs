//! The endorsement key of the TPM, by the provider that Windows has for it.
//!
//! Source: Microsoft, "BCRYPT_RSAKEY_BLOB" (bcrypt.h), `NCRYPT_PCP_EKPUB_PROPERTY` (ncrypt.h) and "NCryptGetProperty".

use windows::Win32::Foundation::{E_ACCESSDENIED, NTE_PERM};
use windows::core::{HRESULT, PCWSTR, s, w};

use crate::library;

const LIBRARY: PCWSTR = w!("ncrypt.dll");
const PROVIDER: PCWSTR = w!("Microsoft Platform Crypto Provider");
const ENDORSEMENT_KEY: PCWSTR = w!("PCP_EKPUB");
/// `TPM_E_COMMAND_BLOCKED`: this user may not send the command.
const BLOCKED: HRESULT = HRESULT(0x8028_0400_u32.cast_signed());
const REFUSALS: [HRESULT; 3] = [BLOCKED, E_ACCESSDENIED, NTE_PERM];
/// A key of 4096 bits has 539 bytes.
const ROOM: usize = 2048;
/// `BCRYPT_RSAPUBLIC_MAGIC`; the header of six little-endian u32: magic, bits, and four lengths in bytes, of which the
/// exponent's and the modulus's are what follows, in this order.
const MAGIC: [u8; 4] = *b"RSA1";
const EXPONENT_LEN: usize = 8;
const MODULUS_LEN: usize = 12;
const HEADER: usize = 24;

type Open = unsafe extern "system" fn(*mut usize, PCWSTR, u32) -> HRESULT;
type GetProperty = unsafe extern "system" fn(usize, PCWSTR, *mut u8, u32, *mut u32, u32) -> HRESULT;
type Free = unsafe extern "system" fn(usize) -> HRESULT;

/// There is a TPM, but not for this user.
#[derive(Debug)]
pub(super) struct Refused;

/// The modulus; `None` without a TPM, with one that is off, or with an endorsement key that is not RSA.
pub(super) fn endorsement_key() -> Result<Option<Vec<u8>>, Refused> {
    match property() {
        Some(Ok(blob)) => Ok(modulus(&blob)),
        Some(Err(code)) if REFUSALS.contains(&code) => Err(Refused),
        _ => Ok(None),
    }
}

/// What the provider says; `None` on a Windows without it.
fn property() -> Option<Result<Vec<u8>, HRESULT>> {
    // SAFETY: the types are those of ncrypt.h, whose handles are numbers of pointer size.
    let (open, get, free): (Open, GetProperty, Free) = unsafe {
        (
            library::function(LIBRARY, s!("NCryptOpenStorageProvider"))?,
            library::function(LIBRARY, s!("NCryptGetProperty"))?,
            library::function(LIBRARY, s!("NCryptFreeObject"))?,
        )
    };
    let (mut provider, mut len, mut blob) = (0, 0, vec![0; ROOM]);
    let room = u32::try_from(blob.len()).ok()?;
    // SAFETY: the texts are constants, the buffer is as long as `room` says, and the handle is freed once.
    let status = unsafe {
        let opened = open(&raw mut provider, PROVIDER, 0);
        if opened.is_err() {
            return Some(Err(opened));
        }
        let status = get(provider, ENDORSEMENT_KEY, blob.as_mut_ptr(), room, &raw mut len, 0);
        let _ = free(provider);
        status
    };
    if status.is_err() {
        return Some(Err(status));
    }
    blob.truncate(len as usize);
    Some(Ok(blob))
}

fn modulus(blob: &[u8]) -> Option<Vec<u8>> {
    let len = |at: usize| usize::try_from(u32::from_le_bytes(*blob.get(at..)?.first_chunk()?)).ok();
    if blob.first_chunk() != Some(&MAGIC) {
        return None;
    }
    let (exponent, modulus) = (len(EXPONENT_LEN)?, len(MODULUS_LEN)?);
    let modulus = blob.get(HEADER..)?.get(exponent..)?.get(..modulus)?;
    let first = modulus.iter().position(|byte| *byte != 0)?;
    Some(modulus.get(first..)?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(magic: [u8; 4], modulus: &[u8]) -> Vec<u8> {
        let mut blob = magic.to_vec();
        let bits = u32::try_from(modulus.len() * 8).unwrap();
        for number in [bits, 3, bits / 8, 0, 0] {
            blob.extend(number.to_le_bytes());
        }
        blob.extend([1, 0, 1]);
        blob.extend(modulus);
        blob
    }

    #[test]
    fn the_modulus_comes_after_the_exponent_without_leading_zeros() {
        assert_eq!(modulus(&made(MAGIC, &[0, 0, 9, 8, 7])), Some(vec![9, 8, 7]));
    }

    #[test]
    fn what_is_no_rsa_key_is_none() {
        assert_eq!(modulus(&made(*b"ECK1", &[9, 8, 7])), None);
        assert_eq!(modulus(&made(MAGIC, &[0, 0])), None);
        let whole = made(MAGIC, &[9, 8, 7]);
        for cut in 0..whole.len() {
            assert_eq!(modulus(&whole[..cut]), None, "cut at {cut}");
        }
        let mut long = whole;
        long[EXPONENT_LEN..HEADER].fill(0xFF);
        assert_eq!(modulus(&long), None);
    }

    #[test]
    fn a_system_without_the_provider_is_no_refusal() {
        // Wine has none; where there is a TPM, its key has at least 2048 bits.
        assert!(endorsement_key().is_ok_and(|key| key.is_none_or(|modulus| modulus.len() >= 256)));
    }
}
