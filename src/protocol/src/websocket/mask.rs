//! Removing a client's mask (RFC 6455 §5.3), in place.

/// XORs `bytes` with `key`, and returns the key turned so that the frame's next bytes continue with it.
pub(super) fn unmask(bytes: &mut [u8], key: [u8; 4]) -> [u8; 4] {
    let wide = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
    let mut next = key;
    next.rotate_left(rest.len() % 4);
    next
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_and_pieces_agree_with_single_bytes(
            payload in prop::collection::vec(any::<u8>(), 0..64),
            key in any::<[u8; 4]>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let expected: Vec<_> = payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
            let mut pieces = payload.clone();
            let cut = cut.index(payload.len() + 1);
            let (left, right) = pieces.split_at_mut(cut);
            let turned = unmask(left, key);
            unmask(right, turned);
            prop_assert_eq!(pieces, expected);
        }
    }
}
