//! Sentences for the heads of cases.

/// Columns of a comment's text.
const TEXT_COLUMNS: usize = 96;

/// A text in lines that are not too long.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one from the beginning");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= TEXT_COLUMNS {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped() {
        let text = "word ".repeat(40);
        let lines = wrapped(&text);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() <= TEXT_COLUMNS));
        assert_eq!(lines.join(" "), text.trim());
    }
}
