//! Amounts of memory as people write them: `64Ki`, `16Mi`, `1Gi` (powers of 1,024, as Kubernetes has them).

/// Bytes of an amount; `None` when it is not one or does not fit 64 bits.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let amount: u64 = text[..digits].parse().ok()?;
    let shift = match &text[digits..] {
        "" => 0,
        "Ki" => 10,
        "Mi" => 20,
        "Gi" => 30,
        _ => return None,
    };
    amount.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::parse_bytes;

    #[test]
    fn amounts_read_and_what_is_none_does_not() {
        let table = [("65536", Some(65_536)), ("64Ki", Some(65_536)), ("16Mi", Some(16 << 20)), ("1Gi", Some(1 << 30))];
        for (text, bytes) in table {
            assert_eq!(parse_bytes(text), bytes, "{text}");
        }
        for text in ["", "Mi", "16M", "16 Mi", "-1Mi", "1.5Gi", "99999999999Gi", "1Mi2"] {
            assert_eq!(parse_bytes(text), None, "{text:?}");
        }
    }
}
