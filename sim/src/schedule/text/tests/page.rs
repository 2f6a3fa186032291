//! The page in corpus/README.md: every example on it is a schedule, laid out as it is printed.

use super::canonical;

const PAGE: &str = include_str!("../../../../../corpus/README.md");

#[test]
fn every_example_on_the_page_is_printed_as_it_stands() {
    let examples: Vec<_> = PAGE.split("```schedule\n").skip(1).map(block).collect();
    assert!(examples.len() >= 6, "the page has examples");
    for example in examples {
        let is_whole = example.contains("format 1\n");
        let text = if is_whole { example.to_owned() } else { format!("format 1\n\n{example}") };
        assert_eq!(canonical(&text), text);
    }
}

/// Every sort of sentence that the tests know has its example.
#[test]
fn every_word_of_the_language_is_on_the_page() {
    let sentences = super::CANONICAL.iter().flat_map(|line| line.split([' ', ',', ':', '=']));
    let is_word = |word: &&str| {
        word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '\'')
    };
    let free = ["pong", "key", "agent", "ird\"", "nonce", "inv"];
    for word in sentences.filter(is_word).filter(|word| !free.contains(word)) {
        assert!(PAGE.contains(word), "{word} is not on the page");
    }
}

fn block(text: &'static str) -> &'static str {
    text.split_once("```").expect("a block has an end").0
}
