//! Names as people here have them: the frequent ones first, with accents, in `names/`.

/// Given names.
pub(super) fn given() -> Vec<&'static str> {
    include_str!("names/given.txt").lines().collect()
}

/// Surnames.
pub(super) fn surnames() -> Vec<&'static str> {
    include_str!("names/surnames.txt").lines().collect()
}

/// Lower case without accents, as the product keeps what people are found by. Knows the letters above only.
pub(super) fn folded(name: &str) -> String {
    let plain = |letter| match letter {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' | 'ü' => 'u',
        'ñ' => 'n',
        other => other,
    };
    name.to_lowercase().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_folds_to_plain_letters() {
        for name in given().into_iter().chain(surnames()) {
            assert!(folded(name).bytes().all(|byte| byte.is_ascii_lowercase()), "{name}");
        }
        assert_eq!(folded("Agüero"), "aguero");
    }
}
