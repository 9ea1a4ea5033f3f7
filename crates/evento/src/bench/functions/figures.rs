//! The figures of a round: what is taken from it, in which unit, and how it is written.

use super::super::server::Place;
use super::Round;

/// One figure.
pub struct Figure {
    /// Its column.
    pub title: &'static str,
    /// Its name in JSON.
    pub key: &'static str,
    /// Digits behind the point.
    pub digits: usize,
    /// From a round; nothing if it is not known.
    pub of: fn(&Round) -> Option<f64>,
}

/// Key of the one that cannot be known everywhere.
pub const FUNCTION_CPU: &str = "functionCpuMicros";

/// All of them, in the order of the columns.
pub const FIGURES: [Figure; 11] = [
    figure("cold start\nms", "coldStartMs", 0, |round| Some(round.cold_start.as_secs_f64() * 1e3)),
    figure("C=1\np50 ms", "oneP50Ms", 3, |round| Some(round.one.millis(0.5))),
    figure("C=1\np99 ms", "oneP99Ms", 3, |round| Some(round.one.millis(0.99))),
    figure("C=256\ncommands/s", "manyPerSecond", 0, |round| Some(round.many.per_second())),
    figure("Evento\nµs/command", "eventoCpuMicros", 1, |round| Some(round.many.server_micros())),
    figure("function\nµs/command", FUNCTION_CPU, 1, function_micros),
    figure("client\nµs/command", "clientCpuMicros", 1, |round| Some(round.many.client_micros())),
    figure("others\ncores", "othersCores", 2, |round| Some(round.many.others_cores())),
    figure("bulk\ncommands/s", "bulkPerSecond", 0, |round| Some(round.bulk.per_second())),
    figure("replay\nevents/s", "replayPerSecond", 0, |round| Some(round.replay.per_second())),
    figure("replay\nevents/s a core", "replayPerCoreSecond", 0, |round| round.replay.per_core()),
];

const fn figure(title: &'static str, key: &'static str, digits: usize, of: fn(&Round) -> Option<f64>) -> Figure {
    Figure { title, key, digits, of }
}

fn function_micros(round: &Round) -> Option<f64> {
    match round.place {
        Place::Child | Place::Container => Some(round.many.function_micros()).filter(|micros| *micros > 0.0),
        Place::InEvento | Place::Elsewhere => None,
    }
}

/// What stands where the function's processor time is not known.
pub fn unknown(place: Place) -> &'static str {
    if place == Place::InEvento { "in Evento" } else { "-" }
}

/// A round in a line, for the progress.
pub fn line(round: &Round) -> String {
    let known = FIGURES.iter().filter_map(|figure| {
        let value = (figure.of)(round)?;
        Some(format!("{} {}", figure.title.replace('\n', " "), number(value, figure.digits)))
    });
    known.collect::<Vec<_>>().join(", ")
}

/// A number with a comma between thousands.
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// The values of one figure over the rounds.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    // Bound: one for each round.
    sorted: Vec<f64>,
}

impl Series {
    /// Of these values; nothing if there are none.
    pub fn of(mut values: Vec<f64>) -> Option<Series> {
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then_some(Series { sorted: values })
    }

    /// The one in the middle, or between the two in the middle.
    pub fn median(&self) -> f64 {
        let (count, half) = (self.sorted.len(), self.sorted.len() / 2);
        if count % 2 == 1 { self.sorted[half] } else { f64::midpoint(self.sorted[half - 1], self.sorted[half]) }
    }

    /// The lowest and the highest.
    pub fn ends(&self) -> (f64, f64) {
        (self.sorted[0], self.sorted[self.sorted.len() - 1])
    }

    /// The median as a multiple of another's, unless that is nothing.
    pub fn ratio(&self, to: &Series) -> Option<f64> {
        (to.median() > 0.0).then(|| self.median() / to.median())
    }
}

#[cfg(test)]
mod tests {
    use super::{Series, number};

    #[test]
    fn the_median_is_in_the_middle_and_the_ends_are_the_lowest_and_the_highest() {
        for (values, median, ends) in [
            (vec![5.0], 5.0, (5.0, 5.0)),
            (vec![9.0, 1.0], 5.0, (1.0, 9.0)),
            (vec![3.0, 100.0, 1.0], 3.0, (1.0, 100.0)),
            (vec![4.0, 1.0, 3.0, 2.0], 2.5, (1.0, 4.0)),
        ] {
            let series = Series::of(values.clone()).expect("there are some");
            assert_eq!((series.median(), series.ends()), (median, ends), "{values:?}");
        }
        assert_eq!(Series::of(Vec::new()), None);
    }

    #[test]
    fn a_ratio_is_that_of_the_medians() {
        let series = |values: &[f64]| Series::of(values.to_vec()).expect("there are some");
        assert_eq!(series(&[1.0, 2.0, 90.0]).ratio(&series(&[4.0])), Some(0.5));
        assert_eq!(series(&[1.0]).ratio(&series(&[0.0])), None);
    }

    #[test]
    fn thousands_are_told_apart() {
        for (value, digits, text) in [
            (0.0, 0, "0"),
            (999.4, 0, "999"),
            (999.6, 0, "1,000"),
            (1_234_567.0, 0, "1,234,567"),
            (1_234.5, 3, "1,234.500"),
            (0.271, 2, "0.27"),
        ] {
            assert_eq!(number(value, digits), text);
        }
    }
}
