//! What people type into a search box, as conditions.

use crate::domain::text::words;

/// Letters of a word from which on an index of beginnings can answer, and up to which it does.
const INDEXED: std::ops::RangeInclusive<usize> = 3..=6;

/// A `like` pattern that finds the text anywhere, its own wildcards taken literally.
pub(super) fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "%"
}

/// Patterns for a column of [`searchable`](crate::domain::text::searchable) text, all of which a row has to
/// match: every word of the text begins one of its words, in whatever order. A text without a word finds
/// nothing.
pub(super) fn word_patterns(text: &str) -> Vec<String> {
    let words = words(text);
    if words.is_empty() {
        // No row has this one letter for all its text.
        return vec!["-".to_owned()];
    }
    // A word is letters and digits, so no letter of it is a wildcard.
    words.iter().map(|word| format!("% {word}%")).collect()
}

/// What an index of beginnings is asked for: of each word its first letters, where they are plain ones and
/// enough. None where only a look at the rows can tell.
pub(super) fn beginnings(text: &str) -> Vec<String> {
    let plain = |word: &String| {
        let letters = word.chars().take(*INDEXED.end());
        letters.take_while(char::is_ascii_alphanumeric).collect::<String>()
    };
    let mut all: Vec<_> = words(text).iter().map(plain).collect();
    all.retain(|letters| letters.len() >= *INDEXED.start());
    all
}

/// Adds the condition that a row is found by a text. A macro, because the statement has a type per engine.
macro_rules! push_found_by {
    ($sql:ident, $text:expr) => {
        push_found_by!($sql, $text, "search")
    };
    ($sql:ident, $text:expr, $column:literal) => {
        for pattern in $crate::persistence::search::word_patterns($text) {
            $sql.push(concat!(" and ", $column, " like ")).push_bind(pattern);
        }
    };
}
pub(super) use push_found_by;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_are_letters() {
        assert_eq!(pattern("50%_Off\\"), r"%50\%\_off\\%");
        assert_eq!(word_patterns("50%_Off"), ["% 50%", "% off%"]);
        assert_eq!(word_patterns("%"), ["-"]);
    }

    #[test]
    fn an_index_is_asked_for_plain_beginnings() {
        assert_eq!(beginnings("Núñez, De 30-1234567"), ["nunez", "123456"]);
        assert_eq!(beginnings("Łódź"), Vec::<String>::new());
        assert_eq!(beginnings("Kowałski"), ["kowa"]);
    }
}
