//! Text as people look for it: in any case, with or without accents.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Lower case, accents stripped: `Gómez` and `GOMEZ` fold to the same.
pub fn folded(text: &str) -> String {
    text.nfd().filter(|letter| !is_combining_mark(*letter)).collect::<String>().to_lowercase()
}

/// What a row is found by: its texts folded, a space between them.
pub fn searchable<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<_> = texts.into_iter().filter(|text| !text.is_empty()).map(folded).collect();
    texts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_and_case_do_not_matter() {
        assert_eq!(folded("Núñez ÁLVAREZ"), "nunez alvarez");
        assert_eq!(searchable(["María", "", "Gómez"]), "maria gomez");
    }
}
