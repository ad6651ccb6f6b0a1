//! Text as people look for it: by words, in any case, with or without accents.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Lower case, accents stripped: `Gómez` and `GOMEZ` fold to the same.
pub fn folded(text: &str) -> String {
    text.nfd().filter(|letter| !is_combining_mark(*letter)).collect::<String>().to_lowercase()
}

/// The words of a text, folded: what stands between anything but letters and digits.
pub fn words(text: &str) -> Vec<String> {
    let folded = folded(text);
    let words = folded.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// What a row is found by: the words of its texts, a space between them.
pub fn searchable<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().flat_map(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_do_not_matter() {
        assert_eq!(folded("Núñez ÁLVAREZ"), "nunez alvarez");
        assert_eq!(searchable(["María", "", "Gómez"]), "maria gomez");
    }

    #[test]
    fn a_word_ends_at_what_is_neither_letter_nor_digit() {
        assert_eq!(
            words(" O'Hara, ana.paz+1@example.com "),
            ["o", "hara", "ana", "paz", "1", "example", "com"]
        );
        assert_eq!(words("%_\\\"").len(), 0);
    }
}
