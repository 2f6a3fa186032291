//! Lines to a schedule: title, head, script and order, in this order.

use super::super::limits::RESERVED_KEYS;
use super::super::{
    COMMENT_LINES_MAX, FORMAT, LINES_MAX, Line, ORDER_LINES_MAX, SETTINGS_MAX, SUBJECT_DEFAULT,
    Schedule, VALUE_BYTES_MAX, When,
};
use super::cursor::{Cursor, Parsed, is_digits};
use super::error::{Expected, Found, Mistake, ParseError, Problem};
use super::source::Source;
use super::{lexer, order, sentence};

impl Schedule {
    /// Reads a text; `name` is for errors.
    ///
    /// # Errors
    ///
    /// The first mistake and its place.
    pub fn parse(name: &str, text: &str) -> Result<Self, ParseError> {
        Self::parse_with_source(name, text).map(|(schedule, _)| schedule)
    }

    /// Reads a text, and remembers where everything stands in it.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_with_source(name: &str, text: &str) -> Result<(Self, Source), ParseError> {
        let mut parser = Parser::new(Source::new(name, text));
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            parser.line(number, line).map_err(|problem| problem.in_text(name, number, text))?;
        }
        parser.finish().map_err(|problem| problem.in_text(name, text.lines().count() + 1, text))
    }
}

/// Which part of the text is being read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Comments, up to the format.
    Title,
    /// The subject and the settings of the node.
    Head,
    /// The script.
    Script,
    /// The order.
    Order,
}

struct Parser {
    schedule: Schedule,
    source: Source,
    part: Part,
    has_subject: bool,
    /// Comment lines that belong to the next line of the script.
    comment: Vec<String>,
    /// Where the first of them is.
    comment_line: usize,
}

impl Parser {
    fn new(source: Source) -> Self {
        Self {
            schedule: Schedule::new(SUBJECT_DEFAULT),
            source,
            part: Part::Title,
            has_subject: false,
            comment: Vec::new(),
            comment_line: 0,
        }
    }

    fn finish(self) -> Parsed<(Schedule, Source)> {
        if self.part == Part::Title {
            let expected = vec![Expected::Words("format 1")];
            return Err(Problem::new(
                0,
                0,
                Mistake::Unexpected { found: Found::EndOfText, expected },
            ));
        }
        self.refuse_comment()?;
        Ok((self.schedule, self.source))
    }

    fn line(&mut self, number: usize, line: &str) -> Parsed<()> {
        let text = line.trim_start();
        if text.is_empty() {
            return Ok(());
        }
        if let Some(comment) = text.strip_prefix('#') {
            return self.comment_line(number, line, comment);
        }
        // `node dials p1` is a sentence wherever it stands, and so is whatever is indented.
        if self.part == Part::Head && is_node_setting(line) {
            return self.node(number, line);
        }
        let mut cursor = Cursor::new(line)?;
        if self.part == Part::Title {
            return self.format(&mut cursor);
        }
        match cursor.peek_word() {
            Some("format") => Err(misplaced(&cursor, "a second format", "one is enough")),
            Some("subject") => self.subject(&mut cursor),
            Some("order") => self.order(number, &mut cursor),
            Some(_) | None => self.script(number, &mut cursor),
        }
    }

    fn comment_line(&mut self, number: usize, line: &str, comment: &str) -> Parsed<()> {
        lexer::refuse_control(line.trim_end())?;
        let comment = comment.strip_prefix(' ').unwrap_or(comment).trim_end().to_owned();
        if self.comment.is_empty() {
            self.comment_line = number;
        }
        let comments =
            if self.part == Part::Title { &mut self.schedule.title } else { &mut self.comment };
        if comments.len() >= COMMENT_LINES_MAX {
            let mistake =
                Mistake::TooMany { what: "lines in one comment", most: COMMENT_LINES_MAX };
            return Err(Problem::new(0, line.len(), mistake));
        }
        comments.push(comment);
        Ok(())
    }

    /// Comments that wait for a line of the script find none.
    fn refuse_comment(&self) -> Parsed<()> {
        if self.comment.is_empty() {
            return Ok(());
        }
        let what = "a comment";
        let rule = "it stands at the head of the text or above a line of the script";
        Err(Problem::new(0, 1, Mistake::Misplaced { what, rule }).on_line(self.comment_line))
    }

    fn format(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        if cursor.peek_word() != Some("format") {
            return Err(cursor.unexpected(vec![Expected::Words("format 1")]));
        }
        cursor.skip();
        let Some(found) = cursor.peek_word().filter(|word| is_digits(word)) else {
            return Err(cursor.unexpected(vec![Expected::Sort("the number of a format")]));
        };
        if found != FORMAT.to_string() {
            return Err(cursor.problem(Mistake::UnknownFormat { found: found.to_owned() }));
        }
        cursor.skip();
        self.part = Part::Head;
        cursor.end()
    }

    fn subject(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        self.refuse_comment()?;
        if self.part > Part::Head {
            return Err(misplaced(cursor, "a subject", "it stands before the script"));
        }
        if self.has_subject {
            return Err(misplaced(cursor, "a second subject", "one is enough"));
        }
        cursor.skip();
        self.schedule.subject = cursor.name("the name of a subject (as in echo)")?;
        self.has_subject = true;
        cursor.end()
    }

    /// A setting: the key is a name, the value is the rest of the line.
    fn node(&mut self, number: usize, line: &str) -> Parsed<()> {
        self.refuse_comment()?;
        lexer::refuse_control(line)?;
        let (head, value) = split_setting(line);
        let mut cursor = Cursor::new(head)?;
        cursor.skip();
        if self.schedule.node.len() >= SETTINGS_MAX {
            return Err(cursor.too_many("settings of the node", SETTINGS_MAX));
        }
        cursor.mark();
        let key = cursor.name("the key of a setting (as in max-inbound)")?;
        cursor.end()?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(cursor.too_many("bytes in a value", VALUE_BYTES_MAX));
        }
        self.schedule.node.push((key, value.to_owned()));
        self.source.push_node(number, cursor.take_marks().first().copied());
        Ok(())
    }

    fn script(&mut self, number: usize, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let at = sentence::when(cursor)?;
        if at != When::Same && cursor.peek_word() == Some("order") {
            return Err(misplaced(cursor, "a time before \"order\"", "an anchor says when"));
        }
        if self.part == Part::Order {
            return Err(misplaced(cursor, "a line of the script", "it stands above the order"));
        }
        let others: &[Expected] = match at {
            When::Same if self.part == Part::Head => {
                &[Expected::Words("subject"), Expected::Words("order")]
            }
            When::Same => &[Expected::Words("order")],
            When::After(_) | When::At(_) => &[],
        };
        let op = sentence::op(cursor, others)?;
        cursor.end()?;
        if self.schedule.script.len() >= LINES_MAX {
            return Err(Problem::new(0, 1, too_many_lines("lines in the script")));
        }
        self.part = Part::Script;
        let comment = std::mem::take(&mut self.comment);
        self.schedule.script.push(Line { at, op, comment });
        self.source.push_script(number, cursor.take_marks());
        Ok(())
    }

    fn order(&mut self, number: usize, cursor: &mut Cursor<'_>) -> Parsed<()> {
        self.refuse_comment()?;
        cursor.skip();
        let deviation = order::deviation(cursor)?;
        cursor.end()?;
        if self.schedule.order.len() >= ORDER_LINES_MAX {
            let mistake = Mistake::TooMany { what: "lines in the order", most: ORDER_LINES_MAX };
            return Err(Problem::new(0, 1, mistake));
        }
        self.part = Part::Order;
        self.schedule.order.push(deviation);
        self.source.push_order(number);
        Ok(())
    }
}

fn is_node_setting(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let at_margin = line.starts_with("node");
    at_margin && words.next() == Some("node") && !words.next().is_some_and(is_reserved_key)
}

fn is_reserved_key(word: &str) -> bool {
    RESERVED_KEYS.contains(&word)
}

/// `node` and the key, and the value.
fn split_setting(line: &str) -> (&str, &str) {
    let after_node = &line["node".len()..];
    let key_and_value = after_node.trim_start();
    let key = key_and_value.find(char::is_whitespace).unwrap_or(key_and_value.len());
    let (head, value) = line.split_at(line.len() - key_and_value.len() + key);
    (head, value.trim())
}

fn misplaced(cursor: &Cursor<'_>, what: &'static str, rule: &'static str) -> Problem {
    cursor.problem(Mistake::Misplaced { what, rule })
}

fn too_many_lines(what: &'static str) -> Mistake {
    Mistake::TooMany { what, most: LINES_MAX }
}
