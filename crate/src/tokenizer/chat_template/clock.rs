//! The date and time that templates ask for with `strftime_now`.

use std::sync::OnceLock;

use minijinja::{Error, ErrorKind};

/// Seconds since 1970-01-01 00:00 on the clock on the wall.
static CLOCK: OnceLock<fn() -> i64> = OnceLock::new();

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Says where the local time comes from, once and for all: seconds since 1970-01-01 00:00, as if the local time were
/// UTC. Until then it is the system's time in UTC; wasm in a browser has none of its own, and says 1970.
pub fn set_clock(now: fn() -> i64) {
    // The first one stays.
    let _ = CLOCK.set(now);
}

pub(super) fn format_now(format: &str) -> Result<String, Error> {
    let now = CLOCK.get().map_or_else(system_time, |now| now());
    strftime(format, now)
}

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
fn system_time() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0)
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
fn system_time() -> i64 {
    0
}

/// C's `strftime` in the C locale, as far as dates and times go.
fn strftime(format: &str, seconds: i64) -> Result<String, Error> {
    let time = Time::new(seconds);
    let mut text = String::new();
    let mut characters = format.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut code = characters.next();
        let padded = code != Some('-');
        if !padded {
            code = characters.next();
        }
        let field = code.and_then(|code| time.field(code, padded));
        let unknown =
            || Error::new(ErrorKind::InvalidOperation, format!("strftime_now cannot write {format:?}"));
        text.push_str(&field.ok_or_else(unknown)?);
    }
    Ok(text)
}

struct Time {
    days: i64,
    year: i64,
    /// From 1, as all of these but the hours and less.
    month: i64,
    day: i64,
    second_of_day: i64,
}

impl Time {
    fn new(seconds: i64) -> Self {
        let days = seconds.div_euclid(86_400);
        let (year, month, day) = date(days);
        Self { days, year, month, day, second_of_day: seconds.rem_euclid(86_400) }
    }

    fn field(&self, code: char, padded: bool) -> Option<String> {
        let (hour, minute) = (self.second_of_day / 3600, self.second_of_day / 60 % 60);
        let (twelfth, half) = ((hour + 11) % 12 + 1, if hour < 12 { "AM" } else { "PM" });
        let number = |value: i64, width: usize| match padded {
            true => format!("{value:0width$}"),
            false => value.to_string(),
        };
        let name = |names: &[&str], at: i64| names.get(at as usize).map(ToString::to_string);
        let short = |name: Option<String>| name.map(|name| name[..3].to_owned());
        // 1970-01-01 was a Thursday.
        let weekday = (self.days + 3).rem_euclid(7);
        Some(match code {
            'Y' => self.year.to_string(),
            'y' => number(self.year.rem_euclid(100), 2),
            'm' => number(self.month, 2),
            'd' => number(self.day, 2),
            'e' => format!("{:2}", self.day),
            'B' => name(&MONTHS, self.month - 1)?,
            'b' | 'h' => short(name(&MONTHS, self.month - 1))?,
            'A' => name(&DAYS, weekday)?,
            'a' => short(name(&DAYS, weekday))?,
            'j' => number(self.days - days_before(self.year) + 1, 3),
            'H' => number(hour, 2),
            'I' => number(twelfth, 2),
            'M' => number(minute, 2),
            'S' => number(self.second_of_day % 60, 2),
            'p' => half.to_owned(),
            'F' => format!("{}-{:02}-{:02}", self.year, self.month, self.day),
            'T' => format!("{hour:02}:{minute:02}:{:02}", self.second_of_day % 60),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    // Years that begin in March have their leap day last; eras have 400 of them. Howard Hinnant,
    // "chrono-Compatible Low-Level Date Algorithms".
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Days from 1970-01-01 to the first of January of a year.
fn days_before(year: i64) -> i64 {
    let before = year - 1;
    365 * (year - 1970) + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - 477
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "%Y %y %m %-m %d %-d %e %B %b %A %a %j %H %I %M %S %p %F %T %%";

    /// From Python: `datetime.fromtimestamp(seconds, UTC).strftime(ALL)`.
    #[test]
    fn dates_and_times() {
        for (seconds, expected) in [
            (0, "1970 70 01 1 01 1  1 January Jan Thursday Thu 001 00 12 00 00 AM 1970-01-01 00:00:00 %"),
            (
                951_827_696,
                "2000 00 02 2 29 29 29 February Feb Tuesday Tue 060 12 12 34 56 PM 2000-02-29 12:34:56 %",
            ),
            (
                1_735_689_599,
                "2024 24 12 12 31 31 31 December Dec Tuesday Tue 366 23 11 59 59 PM 2024-12-31 23:59:59 %",
            ),
            (
                -1,
                "1969 69 12 12 31 31 31 December Dec Wednesday Wed 365 23 11 59 59 PM 1969-12-31 23:59:59 %",
            ),
        ] {
            assert_eq!(strftime(ALL, seconds).unwrap(), expected);
        }
    }

    #[test]
    fn unknown_fields_are_errors() {
        for format in ["%", "%-", "%Q", "%é"] {
            assert!(strftime(format, 0).is_err(), "{format}");
        }
    }
}
