//! What people type into a search box, as conditions.

use std::collections::BTreeSet;

use crate::domain::text::{folded, words};

/// Letters that stand together in an index.
const GROUP: usize = 3;

/// A `like` pattern that finds the text anywhere in a [`folded_sql`] column, its own wildcards taken
/// literally.
pub(super) fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in folded(text).chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "%"
}

/// A column in lower case without accents, as far as SQL can on either engine: SQLite's `lower` knows ASCII
/// alone.
macro_rules! folded_sql {
    ($column:literal) => {
        $crate::persistence::search::folded_sql!(
            @ concat!("lower(", $column, ")"),
            "Á" "a" "É" "e" "Í" "i" "Ó" "o" "Ú" "u" "Ü" "u" "Ñ" "n" "á" "a" "é" "e" "í" "i" "ó" "o" "ú" "u"
            "ü" "u" "ñ" "n"
        )
    };
    (@ $sql:expr, $from:literal $to:literal $($more:literal)*) => {
        $crate::persistence::search::folded_sql!(
            @ concat!("replace(", $sql, ", '", $from, "', '", $to, "')"), $($more)*
        )
    };
    (@ $sql:expr,) => {
        $sql
    };
}
pub(super) use folded_sql;

/// Patterns for a column of [`searchable`](crate::domain::text::searchable) text, all of which a row has to
/// match: every word of the text stands somewhere in it, in whatever order. A text without a word finds
/// nothing.
pub(super) fn word_patterns(text: &str) -> Vec<String> {
    let words = words(text);
    if words.is_empty() {
        // No row has this one letter for all its text.
        return vec!["-".to_owned()];
    }
    // A word is letters and digits, so no letter of it is a wildcard.
    words.iter().map(|word| format!("%{word}%")).collect()
}

/// What an index of groups of three letters is asked for: those that cover the words of the text side by side.
/// All of them would cost more to look up than the few rows they keep away. None where only a look at the rows
/// can tell.
pub(super) fn groups(text: &str) -> Vec<String> {
    let mut groups = BTreeSet::new();
    for word in words(text) {
        let letters: Vec<char> = word.chars().collect();
        let whole = letters.chunks_exact(GROUP).chain(letters.rchunks_exact(GROUP).next());
        groups.extend(whole.map(|group| group.iter().collect::<String>()));
    }
    groups.into_iter().collect()
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
        assert_eq!(pattern("50%_ÓFF\\"), r"%50\%\_off\\%");
        assert_eq!(word_patterns("50%_Off"), ["%50%", "%off%"]);
        assert_eq!(word_patterns("%"), ["-"]);
    }

    #[test]
    fn words_are_covered_by_groups_side_by_side() {
        assert_eq!(groups("Núñez, de Álvarez"), ["alv", "are", "nez", "nun", "rez"]);
        assert_eq!(groups("Ana 30-123456"), ["123", "456", "ana"]);
        assert_eq!(groups("Łódź"), ["odz", "łod"]);
        assert_eq!(groups("30 O'H"), Vec::<String>::new());
    }
}
