//! Rows of a chart that a patient sees once they are released.

/// What became, to the patient, of a row that was released or not and now is or is not.
pub fn seen_as(was_released: bool, is_released: bool) -> Option<&'static str> {
    match (was_released, is_released) {
        (false, true) => Some("created"),
        (true, true) => Some("updated"),
        (true, false) => Some("deleted"),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_hears_only_of_rows_that_are_or_were_released() {
        assert_eq!(seen_as(false, false), None);
        assert_eq!(seen_as(false, true), Some("created"));
        assert_eq!(seen_as(true, true), Some("updated"));
        assert_eq!(seen_as(true, false), Some("deleted"));
    }
}
