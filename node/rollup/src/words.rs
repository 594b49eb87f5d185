//! What an endpoint says, made fit for one line of a log: its answers may be JSON, a web page, or anything.

use serde_json::Value;

/// Longest text that is shown: enough for a sentence with its reason.
const MAX_CHARS: usize = 200;
/// How much of an answer is looked at: error pages are shorter, or say what they are at their beginning.
const MAX_BYTES: usize = 64 * 1024;

/// What the body of an answer says: the message of a JSON error, the title or the text of a web page, or the text.
pub(crate) fn words(body: &[u8]) -> String {
    let body = &body[..body.len().min(MAX_BYTES)];
    if let Some(message) = serde_json::from_slice(body).ok().as_ref().and_then(message) {
        return line(message);
    }
    let text = String::from_utf8_lossy(body);
    let text = if text.trim_start().starts_with('<') { page(&text) } else { text.into_owned() };
    match line(&text) {
        empty if empty.is_empty() => "an empty answer".into(),
        line => line,
    }
}

/// Text on one line, without what a terminal would obey, and not too long.
pub(crate) fn line(text: &str) -> String {
    let mut line = String::new();
    // More words than characters fit in no line.
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 4 * MAX_CHARS {
            break;
        }
    }
    if let Some((end, _)) = line.char_indices().nth(MAX_CHARS) {
        line.truncate(end);
    }
    line
}

/// What an error comes from, on one line: its innermost cause says it best, and without the URL, which may hold a secret.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    line(&cause.to_string())
}

/// The message in a JSON answer, by the names that providers give it.
fn message(answer: &Value) -> Option<&str> {
    let answer = answer.as_array().and_then(|answers| answers.first()).unwrap_or(answer);
    let error = answer.get("error").unwrap_or(answer);
    let named = || ["message", "reason", "detail"].iter().find_map(|name| error.get(name)?.as_str());
    error.as_str().or_else(named)
}

/// The title of a web page, or else its text.
fn page(html: &str) -> String {
    // The same length, so places in one are places in the other.
    let lower = html.to_ascii_lowercase();
    let title = || {
        let tag = lower.find("<title")?;
        let start = tag + lower[tag..].find('>')? + 1;
        let end = start + lower[start..].find('<')?;
        Some(html[start..end].trim()).filter(|title| !title.is_empty())
    };
    if let Some(title) = title() {
        return title.to_owned();
    }
    let mut text = String::new();
    for part in html.split('<') {
        // What is before the first tag, or behind one.
        text.push_str(part.split_once('>').map_or("", |(_, text)| text));
        text.push(' ');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_said_in_the_endpoints_own_words() {
        let cases: [(&[u8], &str); 12] = [
            (br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"too\nmany"}}"#, "too many"),
            (br#"{"error":"batch item count exceeded"}"#, "batch item count exceeded"),
            (br#"{"message":"no such app"}"#, "no such app"),
            (br#"[{"id":1,"error":{"message":"first"}},{"id":2}]"#, "first"),
            (
                b"<html><head><TITLE>504 Gateway\r\n Time-out</TITLE></head><body>x</body></html>",
                "504 Gateway Time-out",
            ),
            (b"<html><title></title><body><h1>Busy</h1><p>try later</body>", "Busy try later"),
            (b"<html>busy</html>", "busy"),
            (b"upstream \x1b[31mtimed out", "upstream [31mtimed out"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (b"", "an empty answer"),
            (b"<title", "an empty answer"),
            (b"{\"result\":1}", "{\"result\":1}"),
        ];
        for (body, expected) in cases {
            assert_eq!(words(body), expected, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_long_answer_is_cut_between_characters() {
        for text in
            ["ü".repeat(100_000), "ü ".repeat(100_000), "<b>".repeat(100_000), "\u{1b}".repeat(100_000)]
        {
            assert!(words(text.as_bytes()).chars().count() <= MAX_CHARS);
        }
    }
}
