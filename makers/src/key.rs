//! Packs published product keys into the 16 bytes that Windows stores.

const ALPHABET: &str = "BCDFGHJKMPQRTVWXY2346789";

/// The 16 bytes of a product key; with an `N`, its position leads and bit 115 is set.
pub fn pack(text: &str) -> [u8; 16] {
    let symbols: Vec<char> = text.chars().filter(|c| *c != '-').collect();
    let n = symbols.iter().position(|c| *c == 'N');
    let digits = symbols.iter().filter(|c| **c != 'N').filter_map(|c| ALPHABET.find(*c));
    let number = digits.fold(n.unwrap_or(0) as u128, |sum, digit| sum * 24 + digit as u128);
    (number | u128::from(n.is_some()) << 115).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_key_packs_to_its_known_bytes() {
        assert_eq!(pack("VK7JG-NPHTM-C97JM-9MPGT-3V66T"), crate::digital_product_id::PRO_DEFAULT);
    }
}
