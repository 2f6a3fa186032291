//! The date of an answer, in the form that HTTP has for it. RFC 9110 section 5.6.7, `IMF-fixdate`.

use crate::time::UnixTime;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days of 400 years of the Gregorian calendar, of 100 without the last leap day, of 4 with one.
const ERA_DAYS: u64 = 146_097;
const CENTURY_DAYS: u64 = 36_524;
const LEAP_CYCLE_DAYS: u64 = 1_461;

/// Days from the 1st of March of the year 0 to 1970.
const EPOCH_DAYS: u64 = 719_468;

/// `Sun, 06 Nov 1994 08:49:37 GMT`, to the second.
pub(super) fn imf_fixdate(at: UnixTime) -> String {
    let seconds = at.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[place(days % 7)],
        MONTHS[place(month)],
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Year, month from 0, and day from 1, of a number of days since 1970. Years begin in March here,
/// so that the leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH_DAYS;
    let (era, of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let leap_days = of_era / (LEAP_CYCLE_DAYS - 1) + of_era / (ERA_DAYS - 1);
    let year_of_era = (of_era - leap_days + of_era / CENTURY_DAYS) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months have 153 days, from March and from August on.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12;
    let year = 400 * era + year_of_era + u64::from(month < 2);
    (year, month, day)
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("a handful")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            // The example of RFC 9110 section 5.6.7.
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (13_601_088_000, "Mon, 01 Jan 2401 00:00:00 GMT"),
        ] {
            assert_eq!(imf_fixdate(UnixTime::from_secs(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut before = civil(0);
        for days in 1..200_000 {
            let (year, month, day) = civil(days);
            let (before_year, before_month, before_day) = before;
            let follows = match (month, day) {
                (0, 1) => (before_year + 1, before_month, before_day) == (year, 11, 31),
                (_, 1) => (before_year, before_month + 1) == (year, month) && before_day >= 28,
                _ => (before_year, before_month, before_day + 1) == (year, month, day),
            };
            assert!(follows, "{before:?}, {:?}", (year, month, day));
            before = (year, month, day);
        }
    }
}
