//! What people type into a search box, as a condition.

use crate::domain::text::folded;

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

/// The same for a column of folded text.
pub(super) fn folded_pattern(text: &str) -> String {
    pattern(&folded(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_are_letters() {
        assert_eq!(pattern("50%_Off\\"), r"%50\%\_off\\%");
    }
}
