//! What `help` says: a list by headings, and a text for each method.
//!
//! Source for the form: Core: rpc/util.cpp, `RPCHelpMan::ToString`; rpc/server.cpp,
//! `CRPCTable::help`.

use super::{Category, Method, Need, Param, ParamKind, table};
use crate::json::Json;

/// The line that shows how a method is called: texts in quotes, what may be left out in brackets.
pub(crate) fn signature(method: &Method) -> String {
    let mut line = method.name.to_owned();
    let mut in_brackets = false;
    for param in method.params {
        let optional = param.need == Need::Optional;
        if optional != in_brackets {
            line.push_str(if optional { " (" } else { " )" });
            in_brackets = optional;
        }
        let quote = if param.kind == ParamKind::Text { "\"" } else { "" };
        line.push_str(&format!(" {quote}{}{quote}", param.name));
    }
    line.push_str(if in_brackets { " )" } else { "" });
    line
}

/// The text about a method.
pub(crate) fn of(method: &Method) -> String {
    let mut text = format!("{}\n\n{}\n", signature(method), method.words);
    if !method.params.is_empty() {
        text.push_str("\nArguments:\n");
        for (place, param) in method.params.iter().enumerate() {
            text.push_str(&argument(place + 1, param));
        }
    }
    text.push_str(&format!("\nResult:\n{}\n", method.result));
    text.push_str(&format!("\nExamples:\n> bitcoin-cli {}\n", signature(method)));
    text
}

fn argument(number: usize, param: &Param) -> String {
    let kind = match param.kind {
        ParamKind::Text => "string",
        ParamKind::Number => "numeric",
        ParamKind::Flag => "boolean",
        ParamKind::Any => "any",
    };
    let need = match param.need {
        Need::Required => "required",
        Need::Optional => "optional",
    };
    format!("{number}. {}    ({kind}, {need}) {}\n", param.name, param.words)
}

/// Every method that is listed, by heading.
pub(crate) fn list() -> String {
    let mut sections = Vec::new();
    for (category, heading) in [
        (Category::Blockchain, "Blockchain"),
        (Category::Control, "Control"),
        (Category::Mining, "Mining"),
        (Category::Network, "Network"),
    ] {
        let methods = table::ALL.iter().filter(|method| method.category == category);
        let lines: Vec<_> = methods.map(signature).collect();
        sections.push(format!("== {heading} ==\n{}", lines.join("\n")));
    }
    sections.join("\n\n")
}

/// Every parameter of every method: name, place, name, and whether it is a text. Clients on a
/// command line learn from it what to send as it is. Core: `dump_all_command_conversions`.
pub(crate) fn conversions() -> Json {
    let mut all = Vec::new();
    for method in table::ALL {
        for (place, param) in method.params.iter().enumerate() {
            let is_text = param.kind == ParamKind::Text;
            let row = [method.name.into(), place.into(), param.name.into(), is_text.into()];
            all.push(Json::Array(row.into()));
        }
    }
    Json::Array(all)
}
