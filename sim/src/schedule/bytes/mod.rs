//! A schedule as bytes, for fuzzers: any bytes are a schedule.
//!
//! ```text
//! input     = [FF head] record*        record = tag, fields
//! tag % 256   00..=E7 a line of the script, by OPS[tag % 32]
//!             E8..=F3 a deviation       F4..=FF an expectation
//! lead      = 2 bits: with the line before (twice), so long after, at; 6 bits: who
//! ```
//!
//! Three properties make it a good language to mutate. *Total*: every field has a meaning for every
//! value. *Prefix*: the end of input, in whatever field, is the end of the schedule, so that a
//! shorter input is the same schedule with lines missing at the end. *Dense*: what is common takes
//! one byte, and most values of that byte mean something common; what is rare is spelled out. So
//! deviations and expectations are 1 in 20 records each, and settings of the node need a head.
//! Words, settings and commands are those that the subject knows, unless they are spelled out:
//! [`Known`](crate::lexicon::Known).
//!
//! Bytes are good for one commit: a change of a table gives them another meaning. They hold all but
//! the title and the comments: `from_bytes(to_bytes(v)) == v.without_comments()`, for valid `v`.

mod order;
mod plain;
mod script;
#[cfg(test)]
mod tests;
mod words;

use self::plain::{Reader, Writer};
use crate::subjects::{NAMES, known};

use super::{LINES_MAX, ORDER_LINES_MAX, SETTINGS_MAX, SUBJECT_DEFAULT, Schedule};

/// The first byte of an input with a head. No record that we write has it for a tag.
const HEAD: u8 = 0xFF;

/// The first tag of a deviation; below are the lines of the script.
const DEVIATION: u8 = 0xE8;

/// The first tag of an expectation.
const EXPECTATION: u8 = 0xF4;

impl Schedule {
    /// The schedule that these bytes are: always a valid one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut schedule = Self::new(SUBJECT_DEFAULT);
        let mut input = Reader::new(bytes, known(SUBJECT_DEFAULT));
        if input.peek() == Some(HEAD) && read_head(&mut input, &mut schedule).is_none() {
            return schedule;
        }
        while read_record(&mut input, &mut schedule).is_some() {}
        schedule
    }

    /// Bytes from which [`from_bytes`](Self::from_bytes) makes the same schedule, without comments;
    /// a similar one, if this one is not valid.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut output = Writer::new(known(&self.subject));
        if self.subject != SUBJECT_DEFAULT || !self.node.is_empty() {
            write_head(&mut output, self);
        }
        for line in &self.script {
            script::write_line(&mut output, line);
        }
        for deviation in &self.order {
            order::write_deviation(&mut output, deviation);
        }
        output.into_bytes()
    }

    /// The same without title and comments.
    #[must_use]
    pub fn without_comments(mut self) -> Self {
        self.title.clear();
        for line in &mut self.script {
            line.comment.clear();
        }
        self
    }
}

fn read_head(input: &mut Reader<'_>, schedule: &mut Schedule) -> Option<()> {
    input.byte()?;
    schedule.subject = words::read_name(input, NAMES)?;
    input.known = known(&schedule.subject);
    let count = input.count(SETTINGS_MAX)?;
    for _ in 0..count {
        let setting = words::read_node_setting(input, &schedule.node)?;
        schedule.node.extend(setting);
    }
    Some(())
}

fn write_head(output: &mut Writer, schedule: &Schedule) {
    output.byte(HEAD);
    words::write_name(output, NAMES, &schedule.subject);
    output.count(schedule.node.len());
    words::write_node_settings(output, &schedule.node);
}

/// Nothing when the input ends, also within the record.
fn read_record(input: &mut Reader<'_>, schedule: &mut Schedule) -> Option<()> {
    let tag = input.byte()?;
    if (DEVIATION..EXPECTATION).contains(&tag) {
        let deviation = order::read_deviation(input, tag)?;
        if schedule.order.len() < ORDER_LINES_MAX {
            schedule.order.push(deviation);
        }
    } else {
        let line = script::read_line(input, tag)?;
        if schedule.script.len() < LINES_MAX {
            schedule.script.push(line);
        }
    }
    Some(())
}
