//! Parameters of OAuth requests and answers: texts by name, none given twice (RFC 6749 §3.1, §3.2).

/// The parameters of one request as they came, whether in a query or in a form.
#[derive(Debug, Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

/// A parameter is given more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

impl Parameters {
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The value of a parameter; one without a value counts as not sent (RFC 6749 §3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        values.next().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether every parameter stands once.
    pub fn check(&self) -> Result<(), Repeated> {
        let repeated = |(place, (name, _)): (usize, &(String, String))| {
            self.0[..place].iter().any(|(earlier, _)| earlier == name)
        };
        if self.0.iter().enumerate().any(repeated) { Err(Repeated) } else { Ok(()) }
    }

    /// Whether this one parameter stands more than once.
    pub fn repeats(&self, name: &str) -> bool {
        self.0.iter().filter(|(known, _)| known == name).count() > 1
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// The address with parameters after those it has.
pub fn with_parameters(address: &str, pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return address.to_owned();
    }
    let query = serde_urlencoded::to_string(pairs).expect("texts by name can be written");
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_unless_it_is_empty_and_a_repetition_is_noticed() {
        let pairs = [("a", "1"), ("b", ""), ("a", "2")];
        let parameters = Parameters::new(pairs.map(|(n, v)| (n.into(), v.into())).to_vec());

        assert_eq!((parameters.get("a"), parameters.get("b")), (Some("1"), None));
        assert_eq!(parameters.check(), Err(Repeated));
        assert!(parameters.repeats("a") && !parameters.repeats("b"));
    }

    #[test]
    fn an_address_keeps_its_own_query() {
        let with = |address| with_parameters(address, &[("state", "a b&c"), ("iss", "x")]);

        assert_eq!(with("https://a.example/cb"), "https://a.example/cb?state=a+b%26c&iss=x");
        assert_eq!(
            with("https://a.example/cb?k=1"),
            "https://a.example/cb?k=1&state=a+b%26c&iss=x"
        );
        assert_eq!(with_parameters("https://a.example/cb", &[]), "https://a.example/cb");
    }
}
