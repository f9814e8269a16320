//! The endorsement key of the TPM, asked for in the TPM's own words.
//!
//! Sources: TCG, "TPM 2.0 Library", part 3 §12.4 (TPM2_ReadPublic) and part 2 §12.2 (`TPMT_PUBLIC`); "EK Credential
//! Profile" §2.2 (where the key is kept).

use std::fs::OpenOptions;
use std::io::{self, Read, Write};

/// The kernel's own manager keeps apart what several programs ask. A TPM 1.2 has none.
const DEVICE: &str = "/dev/tpmrm0";
/// TPM_ST_NO_SESSIONS, the length of the whole, TPM_CC_ReadPublic, and the place of the RSA endorsement key.
const READ_PUBLIC: [u8; 14] = [0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x73, 0x81, 0x01, 0x00, 0x01];
/// The longest reply that a TPM gives.
const ROOM: usize = 4096;
const NO_SESSIONS: u16 = 0x8001;
const SUCCESS: u32 = 0;
/// Numbers of algorithms.
const NULL: u16 = 0x0010;
const RSA: u16 = 0x0001;
const RSAES: u16 = 0x0015;

/// The modulus; `None` without a TPM, or where no RSA endorsement key is kept.
pub(super) fn endorsement_key() -> io::Result<Option<Vec<u8>>> {
    let mut device = match OpenOptions::new().read(true).write(true).open(DEVICE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    device.write_all(&READ_PUBLIC)?;
    let mut reply = vec![0; ROOM];
    // The kernel hands out a reply as a whole.
    let len = device.read(&mut reply)?;
    Ok(reply.get(..len).and_then(modulus))
}

/// The modulus in a reply to TPM2_ReadPublic, big-endian, without leading zeros.
fn modulus(reply: &[u8]) -> Option<Vec<u8>> {
    let mut header = Reader(reply);
    let (tag, _len, code) = (header.u16()?, header.u32()?, header.u32()?);
    if tag != NO_SESSIONS || code != SUCCESS {
        return None;
    }
    let mut public = Reader(header.sized()?);
    let (kind, _name_algorithm, _attributes, _policy) = (public.u16()?, public.u16()?, public.u32()?, public.sized()?);
    if kind != RSA {
        return None;
    }
    if public.u16()? != NULL {
        let (_symmetric_bits, _mode) = (public.u16()?, public.u16()?);
    }
    if !matches!(public.u16()?, NULL | RSAES) {
        let _hash = public.u16()?;
    }
    let (_bits, _exponent) = (public.u16()?, public.u32()?);
    let modulus = public.sized()?;
    let first = modulus.iter().position(|byte| *byte != 0)?;
    Some(modulus.get(first..)?.to_vec())
}

/// Takes big-endian numbers off the front of bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn u16(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    /// Bytes with their length in front, as u16.
    fn sized(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.u16()?);
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply with a key as the profile says: a policy of 32 bytes, AES-128 in CFB mode, no scheme.
    fn made(kind: u16, parameters: &[u8], modulus: &[u8]) -> Vec<u8> {
        let sized = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
        let head = [&kind.to_be_bytes()[..], &[0, 0x0B], &[0, 3, 0, 0xB2]].concat();
        let public = [head, sized(&[7; 32]), parameters.to_vec(), sized(modulus)].concat();
        // The key's name and its qualified name come after it.
        let body = [sized(&public), sized(&[1; 34]), sized(&[2; 34])].concat();
        let len = u32::try_from(10 + body.len()).unwrap();
        [&[0x80, 1][..], &len.to_be_bytes(), &[0; 4], &body].concat()
    }

    const PROFILE: &[u8] = &[0, 6, 0, 128, 0, 0x43, 0, 0x10, 8, 0, 0, 0, 0, 0];

    #[test]
    fn the_modulus_is_found_behind_each_kind_of_parameters() {
        let key = [0xC1; 256];
        assert_eq!(modulus(&made(RSA, PROFILE, &key)).as_deref(), Some(&key[..]));
        let no_cipher_with_hash = [0, 0x10, 0, 0x14, 0, 0x0B, 8, 0, 0, 0, 0, 0];
        assert_eq!(modulus(&made(RSA, &no_cipher_with_hash, &key)).as_deref(), Some(&key[..]));
        let no_cipher_without_hash = [0, 0x10, 0, 0x15, 8, 0, 0, 0, 0, 0];
        assert_eq!(modulus(&made(RSA, &no_cipher_without_hash, &key)).as_deref(), Some(&key[..]));
        assert_eq!(modulus(&made(RSA, PROFILE, &[0, 0, 5, 6])), Some(vec![5, 6]));
    }

    #[test]
    fn what_is_no_rsa_key_is_none() {
        assert_eq!(modulus(&made(0x0023, PROFILE, &[1; 32])), None);
        assert_eq!(modulus(&made(RSA, PROFILE, &[0; 256])), None);
        // TPM_RC_HANDLE: nothing is kept there.
        assert_eq!(modulus(&[0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x8B]), None);
        let mut failed = made(RSA, PROFILE, &[0xC1; 256]);
        failed[9] = 1;
        assert_eq!(modulus(&failed), None);
    }

    #[test]
    fn a_cut_reply_is_none() {
        let whole = made(RSA, PROFILE, &[0xC1; 256]);
        // Both names behind the key are not needed.
        let needed = whole.len() - 72;
        assert!(modulus(&whole[..needed]).is_some());
        for cut in 0..needed {
            assert_eq!(modulus(&whole[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn the_command_says_its_own_length() {
        assert_eq!(READ_PUBLIC[2..6], u32::try_from(READ_PUBLIC.len()).unwrap().to_be_bytes());
    }
}
