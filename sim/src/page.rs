//! Pages that a browser shows without anything else: no other file, no address, no time at which
//! they were made. What they show is data in them, drawn by their own script.

use serde_json::Value;

/// What all pages look like.
const STYLE: &str = include_str!("page.css");

/// Where in a page this goes, and its data.
const STYLE_HERE: &str = "/*STYLE*/\n";
const DATA_HERE: &str = "/*DATA*/null";

/// A page with its data.
#[must_use]
pub fn filled(page: &str, data: &Value) -> String {
    // Nothing in it ends the script that it is part of.
    let data = data.to_string().replace('<', "\\u003c");
    page.replacen(STYLE_HERE, STYLE, 1).replacen(DATA_HERE, &data, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_not_ended_by_what_it_shows() {
        let page = filled("a{}/*STYLE*/\n<script>d = /*DATA*/null;</script>", &"</script>".into());
        assert_eq!(page.matches("</script>").count(), 1);
        assert!(page.contains(STYLE) && page.contains(r#"d = "\u003c/script>";"#), "{page}");
    }
}
