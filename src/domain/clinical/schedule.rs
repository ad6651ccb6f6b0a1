//! When a doctor receives: weekly hours by the doctor's own clock, days that differ, and what that
//! leaves free.
//!
//! The doctor receives at every moment at which a clock in the doctor's zone shows one of the hours.
//! So hours that a clock skips when it is set forward do not take place, and hours it shows twice when
//! it is set back take place twice.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use garde::Validate;
use jiff::civil;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

use crate::domain::date::Date;
use crate::domain::time::Timestamp;

/// Farther from UTC than any clock is set.
const FARTHEST_ZONE: Duration = Duration::from_hours(26);
const DAY: Duration = Duration::from_hours(24);

/// When a doctor receives, as the doctor writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = ScheduleInput, example = json!({
    "weekly": [{"weekday": 0, "from": "09:00", "to": "13:00"}],
    "time_zone": "America/Argentina/Cordoba",
    "exceptions": [{"date": "2026-12-25", "available": false}]}))]
pub struct ScheduleDraft {
    /// Hours of the week. Without hours and exceptions there is no schedule.
    #[garde(length(max = 100), dive)]
    #[schema(max_items = 100)]
    pub weekly: Vec<Hours>,
    /// A name of the IANA database.
    #[garde(length(chars, min = 1, max = 64), custom(is_zone))]
    #[schema(min_length = 1, max_length = 64)]
    pub time_zone: String,
    /// Days that differ from their weekday.
    #[serde(default)]
    #[garde(length(max = 400), custom(name_days_once))]
    #[schema(max_items = 400)]
    pub exceptions: Vec<Exception>,
}

/// The hours and exceptions of a doctor. Empty, the doctor has no schedule and is booked by agreement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timetable {
    pub weekly: Vec<Hours>,
    pub exceptions: Vec<Exception>,
}

/// Some hours of a weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[schema(as = ScheduleHours)]
pub struct Hours {
    /// 0 is Monday.
    #[garde(range(min = 0, max = 6))]
    #[schema(minimum = 0, maximum = 6)]
    pub weekday: i8,
    #[garde(skip)]
    pub from: TimeOfDay,
    /// After `from`; `24:00` is the end of the day.
    #[garde(custom(is_after(self.from)))]
    pub to: TimeOfDay,
}

/// A day that differs from its weekday.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ScheduleException)]
pub struct Exception {
    pub date: Date,
    /// Whether the doctor receives on that day: at the hours of its weekday, or where it has none at
    /// those of any other weekday, or where there are none at all the whole day.
    pub available: bool,
}

/// What a clock shows, in minutes from midnight; on the wire `HH:MM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

/// A stretch of time, its end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = Slot)]
pub struct Span {
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// The zone of that name in the IANA database.
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

impl From<ScheduleDraft> for Timetable {
    fn from(draft: ScheduleDraft) -> Self {
        Self { weekly: draft.weekly, exceptions: draft.exceptions }
    }
}

impl Timetable {
    /// Whether there are any hours to keep to.
    pub fn is_set(&self) -> bool {
        !self.weekly.is_empty() || !self.exceptions.is_empty()
    }

    /// Whether the doctor receives all through a stretch of time.
    pub fn covers(&self, zone: &TimeZone, visit: Span) -> bool {
        let days = days(zone, visit);
        let open = joined(days.flat_map(|day| self.open_on(zone, day)).collect());
        open.iter().any(|open| open.starts_at <= visit.starts_at && visit.ends_at <= open.ends_at)
    }

    /// Stretches of that length within `range` which begin after `now`, can be booked and touch none
    /// of `busy`. On every day they follow one another from the beginning of the hours.
    pub fn slots(
        &self,
        zone: &TimeZone,
        range: Span,
        length: Duration,
        busy: &[Span],
        now: Timestamp,
    ) -> Vec<Span> {
        let is_free = |slot: &Span| {
            slot.starts_at > now
                && range.starts_at <= slot.starts_at
                && slot.ends_at <= range.ends_at
                && !busy.iter().any(|busy| busy.overlaps(slot))
        };
        let mut free = Vec::new();
        for day in days(zone, range) {
            for open in self.open_on(zone, day) {
                free.extend(open.cut(length).filter(is_free));
            }
        }
        free
    }

    /// When the doctor receives on a day, in order; stretches that meet are one.
    fn open_on(&self, zone: &TimeZone, day: civil::Date) -> Vec<Span> {
        let hours = self.hours_on(day);
        let Some(midnight) = midnight(day) else { return Vec::new() };
        if hours.is_empty() {
            return Vec::new();
        }
        let mut open = Vec::new();
        let (mut since, end) = (midnight.minus(FARTHEST_ZONE), midnight.plus(DAY + FARTHEST_ZONE));
        // A zone is one stretch after the other in which its clocks keep one distance from UTC.
        while since < end {
            let Some(moment) = moment(since) else { break };
            let offset = i64::from(zone.to_offset(moment).seconds()) * 1000;
            let change = zone.following(moment).next();
            let until = change
                .map_or(end, |change| Timestamp(change.timestamp().as_millisecond()).min(end));
            for (from, to) in &hours {
                let at = |time: TimeOfDay| Timestamp(midnight.plus(time.span()).0 - offset);
                let starts_at = at(*from).max(since);
                let ends_at = at(*to).min(until);
                if starts_at < ends_at {
                    open.push(Span { starts_at, ends_at });
                }
            }
            since = until;
        }
        joined(open)
    }

    fn hours_on(&self, day: civil::Date) -> Vec<(TimeOfDay, TimeOfDay)> {
        let of = |weekday: Option<i8>| {
            let hours = self
                .weekly
                .iter()
                .filter(move |hours| weekday.is_none_or(|weekday| hours.weekday == weekday));
            hours.map(|hours| (hours.from, hours.to)).collect::<Vec<_>>()
        };
        let usual = of(Some(day.weekday().to_monday_zero_offset()));
        let day = Date::from(day);
        match self.exceptions.iter().find(|exception| exception.date == day) {
            Some(exception) if !exception.available => Vec::new(),
            Some(_) if usual.is_empty() && self.weekly.is_empty() => {
                vec![(TimeOfDay(0), TimeOfDay::END)]
            }
            Some(_) if usual.is_empty() => of(None),
            _ => usual,
        }
    }
}

impl Span {
    pub fn overlaps(&self, other: &Self) -> bool {
        self.starts_at < other.ends_at && other.starts_at < self.ends_at
    }

    /// Stretches of that length, one after the other, as many as fit.
    fn cut(self, length: Duration) -> impl Iterator<Item = Self> {
        let first = Self { starts_at: self.starts_at, ends_at: self.starts_at.plus(length) };
        let next = move |slot: &Self| {
            Some(Self { starts_at: slot.ends_at, ends_at: slot.ends_at.plus(length) })
        };
        std::iter::successors(Some(first), next)
            .take_while(move |slot| slot.ends_at <= self.ends_at && !length.is_zero())
    }
}

impl TimeOfDay {
    const END: Self = Self(24 * 60);

    fn span(self) -> Duration {
        Duration::from_mins(u64::from(self.0))
    }
}

/// The text shows no time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of the form HH:MM")]
pub struct NotATime;

impl FromStr for TimeOfDay {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let bytes = text.as_bytes();
        let is_of_our_form = bytes.len() == 5
            && bytes.iter().enumerate().all(|(place, byte)| match place {
                2 => *byte == b':',
                _ => byte.is_ascii_digit(),
            });
        if !is_of_our_form {
            return Err(NotATime);
        }
        let number = |digits: &str| digits.parse::<u16>().map_err(|_| NotATime);
        let (hour, minute) = (number(&text[..2])?, number(&text[3..])?);
        let time = Self(hour * 60 + minute);
        if minute < 60 && time <= Self::END { Ok(time) } else { Err(NotATime) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for TimeOfDay {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"))
            .examples([serde_json::json!("09:00")])
            .into()
    }
}

impl ToSchema for TimeOfDay {}

/// The days a clock in the zone shows during a stretch of time.
fn days(zone: &TimeZone, range: Span) -> impl Iterator<Item = civil::Date> {
    let day = |at: Timestamp| Some(zone.to_datetime(moment(at)?).date());
    // A clock set back past midnight shows the day before once more.
    let first = day(range.starts_at.minus(DAY));
    let last = day(range.ends_at);
    let next = move |day: &civil::Date| day.tomorrow().ok().filter(|day| Some(*day) <= last);
    std::iter::successors(first, next)
}

/// Midnight before that day, in UTC.
fn midnight(day: civil::Date) -> Option<Timestamp> {
    let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
    Some(Timestamp(midnight.as_millisecond()))
}

fn moment(at: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(at.0).ok()
}

/// The same time in as few stretches as there can be, in order.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.starts_at <= last.ends_at => {
                last.ends_at = last.ends_at.max(span.ends_at);
            }
            _ => joined.push(span),
        }
    }
    joined
}

fn is_zone<C>(name: &str, _: &C) -> garde::Result {
    if zone(name).is_some() {
        return Ok(());
    }
    Err(garde::Error::new("format: not a time zone of the IANA database"))
}

fn is_after<C>(from: TimeOfDay) -> impl FnOnce(&TimeOfDay, &C) -> garde::Result {
    move |to, _| {
        if from < *to {
            return Ok(());
        }
        Err(garde::Error::new("range: must be after `from`"))
    }
}

fn name_days_once<C>(exceptions: &[Exception], _: &C) -> garde::Result {
    let mut seen = HashSet::new();
    if exceptions.iter().all(|exception| seen.insert(&exception.date)) {
        return Ok(());
    }
    Err(garde::Error::new("unique: names a day twice"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Hours on every day of the week.
    fn daily(hours: &[(&str, &str)]) -> Timetable {
        let hours =
            (0..7).flat_map(|weekday| hours.iter().map(move |(from, to)| (weekday, from, to)));
        let weekly = hours.map(|(weekday, from, to)| Hours {
            weekday,
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        });
        Timetable { weekly: weekly.collect(), exceptions: Vec::new() }
    }

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(Value::from(text)).unwrap()
    }

    fn span(from: &str, to: &str) -> Span {
        Span { starts_at: at(from), ends_at: at(to) }
    }

    /// When the hours of a day begin and end, by UTC.
    fn open(timetable: &Timetable, name: &str, day: &str) -> Vec<(String, String)> {
        let day = day.parse().unwrap();
        let spans = timetable.open_on(&zone(name).unwrap(), day);
        let text = |at: Timestamp| at.to_string()[..16].to_owned();
        spans.iter().map(|span| (text(span.starts_at), text(span.ends_at))).collect()
    }

    fn utc(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn hours_follow_the_clock_of_the_doctor_through_the_year() {
        let hours = daily(&[("09:00", "13:00")]);

        let cases = [
            ("America/New_York", "2026-03-07", "2026-03-07T14:00", "2026-03-07T18:00"),
            ("America/New_York", "2026-03-09", "2026-03-09T13:00", "2026-03-09T17:00"),
            ("America/New_York", "2026-11-02", "2026-11-02T14:00", "2026-11-02T18:00"),
            ("Europe/Madrid", "2026-03-28", "2026-03-28T08:00", "2026-03-28T12:00"),
            ("Europe/Madrid", "2026-03-29", "2026-03-29T07:00", "2026-03-29T11:00"),
            ("Europe/Madrid", "2026-10-26", "2026-10-26T08:00", "2026-10-26T12:00"),
            ("America/Argentina/Cordoba", "2026-07-01", "2026-07-01T12:00", "2026-07-01T16:00"),
        ];
        for (zone, day, from, to) in cases {
            assert_eq!(open(&hours, zone, day), [utc(from, to)], "{zone} on {day}");
        }
    }

    #[test]
    fn hours_that_a_clock_skips_do_not_take_place() {
        // At two it is three, by UTC at seven.
        let (new_york, day) = ("America/New_York", "2026-03-08");
        let across = daily(&[("01:00", "04:00")]);
        let within = daily(&[("02:00", "03:00")]);
        let into = daily(&[("01:00", "02:30")]);
        let out_of = daily(&[("02:30", "04:00")]);

        assert_eq!(open(&across, new_york, day), [utc("2026-03-08T06:00", "2026-03-08T08:00")]);
        assert_eq!(open(&within, new_york, day), []);
        assert_eq!(open(&into, new_york, day), [utc("2026-03-08T06:00", "2026-03-08T07:00")]);
        assert_eq!(open(&out_of, new_york, day), [utc("2026-03-08T07:00", "2026-03-08T08:00")]);
        // In Madrid at two it is three, by UTC at one.
        let (madrid, day) = ("Europe/Madrid", "2026-03-29");
        assert_eq!(open(&across, madrid, day), [utc("2026-03-29T00:00", "2026-03-29T02:00")]);
        assert_eq!(open(&within, madrid, day), []);
    }

    #[test]
    fn hours_that_a_clock_shows_twice_take_place_twice() {
        // At two it is one again, by UTC at six.
        let (new_york, day) = ("America/New_York", "2026-11-01");
        let across = daily(&[("00:00", "03:00")]);
        let within = daily(&[("01:00", "02:00")]);
        let half = daily(&[("01:00", "01:30")]);

        assert_eq!(open(&across, new_york, day), [utc("2026-11-01T04:00", "2026-11-01T08:00")]);
        assert_eq!(open(&within, new_york, day), [utc("2026-11-01T05:00", "2026-11-01T07:00")]);
        assert_eq!(
            open(&half, new_york, day),
            [
                utc("2026-11-01T05:00", "2026-11-01T05:30"),
                utc("2026-11-01T06:00", "2026-11-01T06:30")
            ]
        );
        // In Madrid at three it is two again, by UTC at one.
        let (madrid, day) = ("Europe/Madrid", "2026-10-25");
        let within = daily(&[("02:00", "03:00")]);
        assert_eq!(open(&within, madrid, day), [utc("2026-10-25T00:00", "2026-10-25T02:00")]);
    }

    #[test]
    fn a_whole_day_lasts_as_long_as_it_does_there() {
        let whole = daily(&[("00:00", "24:00")]);
        for (name, day, hours) in [
            ("America/New_York", "2026-03-08", 23),
            ("America/New_York", "2026-11-01", 25),
            ("Europe/Madrid", "2026-03-29", 23),
            ("Europe/Madrid", "2026-10-25", 25),
            ("Asia/Kathmandu", "2026-10-25", 24),
            ("Pacific/Kiritimati", "2026-10-25", 24),
            ("Pacific/Pago_Pago", "2026-10-25", 24),
            // The clock is set back at midnight, and the day ends twice.
            ("Asia/Beirut", "2026-10-24", 25),
        ] {
            let open = whole.open_on(&zone(name).unwrap(), day.parse().unwrap());
            let lasts = open[0].ends_at.since(open[0].starts_at);
            assert_eq!((open.len(), lasts), (1, Duration::from_hours(hours)), "{name} on {day}");
        }
    }

    #[test]
    fn a_day_that_differs_is_closed_or_open_at_the_hours_of_the_week() {
        let weekly = json!([{"weekday": 0, "from": "09:00", "to": "10:00"},
            {"weekday": 2, "from": "15:00", "to": "16:00"}]);
        let exceptions = json!([{"date": "2026-11-30", "available": false},
            {"date": "2026-12-02", "available": true}, {"date": "2026-12-05", "available": true}]);
        let timetable: Timetable =
            serde_json::from_value(json!({"weekly": weekly, "exceptions": exceptions})).unwrap();
        let on = |day| open(&timetable, "UTC", day);

        assert_eq!(on("2026-11-23"), [utc("2026-11-23T09:00", "2026-11-23T10:00")], "a Monday");
        assert_eq!(on("2026-11-30"), []);
        assert_eq!(on("2026-12-02"), [utc("2026-12-02T15:00", "2026-12-02T16:00")], "as ever");
        assert_eq!(
            on("2026-12-05"),
            [
                utc("2026-12-05T09:00", "2026-12-05T10:00"),
                utc("2026-12-05T15:00", "2026-12-05T16:00")
            ],
            "a Saturday"
        );
        let only_exceptions = Timetable { weekly: Vec::new(), ..timetable };
        assert_eq!(
            open(&only_exceptions, "UTC", "2026-12-05"),
            [utc("2026-12-05T00:00", "2026-12-06T00:00")]
        );
        assert!(only_exceptions.is_set() && !Timetable::default().is_set());
    }

    #[test]
    fn slots_are_what_appointments_leave_of_the_hours() {
        let hours = daily(&[("09:00", "11:15")]);
        let range = span("2026-12-01T00:00:00Z", "2026-12-02T09:30:00Z");
        let busy = [span("2026-12-01T09:50:00Z", "2026-12-01T10:00:00Z")];
        let half_an_hour = Duration::from_mins(30);

        let now = at("2026-12-01T09:00:00Z");
        let slots = hours.slots(&TimeZone::UTC, range, half_an_hour, &busy, now);

        assert_eq!(
            slots,
            [
                span("2026-12-01T10:00:00Z", "2026-12-01T10:30:00Z"),
                span("2026-12-01T10:30:00Z", "2026-12-01T11:00:00Z"),
                span("2026-12-02T09:00:00Z", "2026-12-02T09:30:00Z"),
            ]
        );
    }

    #[test]
    fn slots_of_a_switch_are_as_many_as_there_are_real_hours() {
        let hours = daily(&[("00:00", "04:00")]);
        let count = |name: &str, from: &str, to: &str| {
            let range = span(from, to);
            let hour = Duration::from_hours(1);
            hours.slots(&zone(name).unwrap(), range, hour, &[], Timestamp(0)).len()
        };

        assert_eq!(count("America/New_York", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"), 3);
        assert_eq!(count("America/New_York", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"), 5);
        assert_eq!(count("Europe/Madrid", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"), 3);
        assert_eq!(count("Europe/Madrid", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), 5);
    }

    #[test]
    fn a_visit_is_within_the_hours_or_not() {
        let hours = daily(&[
            ("09:00", "13:00"),
            ("13:00", "14:00"),
            ("22:00", "24:00"),
            ("00:00", "01:00"),
        ]);
        let covers = |from: &str, to: &str| hours.covers(&TimeZone::UTC, span(from, to));

        assert!(covers("2026-12-01T09:00:00Z", "2026-12-01T09:30:00Z"));
        assert!(covers("2026-12-01T12:45:00Z", "2026-12-01T13:15:00Z"), "hours that meet are one");
        assert!(covers("2026-12-01T23:45:00Z", "2026-12-02T00:15:00Z"), "so are days");
        assert!(!covers("2026-12-01T08:45:00Z", "2026-12-01T09:15:00Z"));
        assert!(!covers("2026-12-01T13:45:00Z", "2026-12-01T14:15:00Z"));
        assert!(!covers("2026-12-01T16:00:00Z", "2026-12-01T16:30:00Z"));
    }

    #[test]
    fn only_times_a_clock_shows_are_read() {
        for text in ["00:00", "09:05", "23:59", "24:00"] {
            assert_eq!(text.parse::<TimeOfDay>().unwrap().to_string(), text);
        }
        for text in ["", "9:00", "09:60", "24:01", "25:00", "09.00", "+9:00", "09:00:00", "é9:0"] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(NotATime), "{text}");
        }
    }

    #[test]
    fn a_schedule_names_a_zone_there_is_and_hours_that_pass() {
        let faults = |body: Value| {
            let draft: ScheduleDraft = serde_json::from_value(body).unwrap();
            match draft.validate() {
                Ok(()) => Vec::new(),
                Err(report) => {
                    let mut faults: Vec<_> =
                        report.iter().map(|(path, _)| path.to_string()).collect();
                    faults.sort_unstable();
                    faults
                }
            }
        };

        let fine = json!({"weekly": [{"weekday": 6, "from": "09:00", "to": "24:00"}],
            "time_zone": "Europe/Madrid"});
        assert_eq!(faults(fine), [""; 0]);
        let wrong = json!({"weekly": [{"weekday": 7, "from": "09:00", "to": "09:00"}],
            "time_zone": "Europe/Atlantis",
            "exceptions": [{"date": "2026-12-25", "available": false},
                {"date": "2026-12-25", "available": true}]});
        assert_eq!(faults(wrong), ["exceptions", "time_zone", "weekly[0].to", "weekly[0].weekday"]);
    }
}
