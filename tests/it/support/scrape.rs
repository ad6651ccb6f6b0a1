//! What `/metrics` said at one moment (Prometheus text format 0.0.4).

use std::collections::{BTreeMap, BTreeSet};

/// The samples of one scrape.
pub(crate) struct Scrape {
    /// Name and kind, as `# TYPE` has them.
    kinds: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: String,
}

impl Scrape {
    pub(crate) fn read(text: &str) -> Self {
        let kinds = text.lines().filter_map(|line| {
            let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
            Some((name.to_owned(), kind.to_owned()))
        });
        let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { kinds: kinds.collect(), samples: samples.map(Sample::read).collect() }
    }

    /// The kind of a metric that has samples.
    pub(crate) fn kind(&self, name: &str) -> Option<&str> {
        self.kinds.get(name).map(String::as_str)
    }

    /// The names of a metric's labels, over all its samples.
    pub(crate) fn label_names(&self, name: &str) -> BTreeSet<&str> {
        self.of(name).flat_map(|sample| sample.labels.keys().map(String::as_str)).collect()
    }

    /// The values that one label of a metric has.
    pub(crate) fn label_values(&self, name: &str, label: &str) -> BTreeSet<&str> {
        self.of(name).filter_map(|sample| sample.labels.get(label).map(String::as_str)).collect()
    }

    /// The sum of a metric's samples with these labels; of a histogram, how many it has seen.
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let has = |sample: &&Sample| {
            let carries = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).is_some_and(|it| it == value)
            };
            labels.iter().all(carries)
        };
        self.of(name).filter(has).map(|sample| sample.value.parse::<u64>().unwrap()).sum()
    }

    /// A metric's samples; a histogram's are its counts.
    fn of(&self, name: &str) -> impl Iterator<Item = &Sample> {
        let is_histogram = self.kind(name) == Some("histogram");
        let name = if is_histogram { format!("{name}_count") } else { name.to_owned() };
        self.samples.iter().filter(move |sample| sample.name == name)
    }
}

impl Sample {
    fn read(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        // No value of ours holds a comma or a quotation mark.
        let labels = labels.strip_suffix('}').unwrap().split(',').filter(|label| !label.is_empty());
        let labels = labels.map(|label| {
            let (name, value) = label.split_once('=').unwrap();
            (name.to_owned(), value.trim_matches('"').to_owned())
        });
        Self { name: name.to_owned(), labels: labels.collect(), value: value.to_owned() }
    }
}
