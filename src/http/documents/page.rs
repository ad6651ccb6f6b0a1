//! The OpenAPI document as one HTML page: no scripts, nothing loaded, readable on a phone.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

use super::examples::reference;
use crate::http::html::Text;

/// The page's only style sheet, inline under its hash.
pub(super) const STYLE: &str = include_str!("page.css");

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The whole page.
pub(super) fn render(document: &Value) -> String {
    let mut html = String::with_capacity(256 * 1024);
    // Writing to a string cannot fail.
    let _ = write(&mut html, document);
    html
}

fn write(html: &mut String, document: &Value) -> fmt::Result {
    let info = |key: &str| Text(document["info"][key].as_str().unwrap_or_default());
    write!(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{0} API</title><style>{STYLE}</style></head><body>\
         <a class=\"skip\" href=\"#content\">Skip to content</a>\
         <header><h1>{0} API <small>{1}</small></h1><p>{2}</p>\
         <p><a href=\"/openapi.json\">OpenAPI</a> · <a href=\"/asyncapi.json\">AsyncAPI</a> · \
         <a href=\"/events.d.ts\">TypeScript</a></p></header><div class=\"columns\">",
        info("title"),
        info("version"),
        Prose(document["info"]["description"].as_str().unwrap_or_default()),
    )?;
    let groups = by_tag(document);
    html.push_str("<nav aria-label=\"Sections\"><ul>");
    for tag in groups.keys() {
        write!(html, "<li><a href=\"#{}\">{}</a></li>", anchor(tag), Text(tag))?;
    }
    html.push_str("<li><a href=\"#schemas\">Schemas</a></li></ul></nav><main id=\"content\">");
    for (tag, operations) in &groups {
        write!(html, "<section id=\"{}\"><h2>{}</h2>", anchor(tag), Text(tag))?;
        for operation in operations {
            operation.write(html)?;
        }
        html.push_str("</section>");
    }
    schemas(html, &document["components"]["schemas"])?;
    html.push_str("</main></div></body></html>\n");
    Ok(())
}

/// One method of one path.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    body: &'a Value,
}

/// Operations by their first tag, in the order of their paths.
fn by_tag(document: &Value) -> BTreeMap<&str, Vec<Operation<'_>>> {
    let mut groups: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, item) in entries(&document["paths"]) {
        for method in METHODS {
            let Some(body) = item.get(method) else { continue };
            let tag = body["tags"][0].as_str().unwrap_or("Other");
            groups.entry(tag).or_default().push(Operation { method, path, body });
        }
    }
    groups
}

impl Operation<'_> {
    fn write(&self, html: &mut String) -> fmt::Result {
        let said = |key: &str| Prose(self.body[key].as_str().unwrap_or_default());
        write!(
            html,
            "<details><summary><span class=\"method {0}\">{1}</span><code>{2}</code>\
             <span>{3}</span></summary><div class=\"inside\">",
            self.method,
            self.method.to_uppercase(),
            Text(self.path),
            said("summary"),
        )?;
        if self.body.get("description").is_some() {
            write!(html, "<p>{}</p>", said("description"))?;
        }
        self.authority(html)?;
        self.parameters(html)?;
        if let Some(content) = self.body["requestBody"]["content"].as_object() {
            html.push_str("<h3>Body</h3>");
            bodies(html, content)?;
        }
        self.answers(html)?;
        html.push_str("</div></details>");
        Ok(())
    }

    fn authority(&self, html: &mut String) -> fmt::Result {
        let Some(ways) = self.body["security"].as_array() else { return Ok(()) };
        let names: Vec<_> = ways
            .iter()
            .filter_map(Value::as_object)
            .map(|way| way.keys().next().map_or("none", String::as_str))
            .collect();
        write!(html, "<p class=\"key\">Credentials: {}</p>", Text(&names.join(" or ")))
    }

    fn parameters(&self, html: &mut String) -> fmt::Result {
        let Some(parameters) = self.body["parameters"].as_array() else { return Ok(()) };
        html.push_str(
            "<h3>Parameters</h3><div class=\"table\"><table><tr><th>Name<th>In<th>Type<th>Meaning</tr>",
        );
        for parameter in parameters {
            let said = |key: &str| Text(parameter[key].as_str().unwrap_or_default());
            let required = if parameter["required"] == true { ", required" } else { "" };
            write!(
                html,
                "<tr><td><code>{}</code><td>{}{required}<td>{}<td>{}</tr>",
                said("name"),
                said("in"),
                Kind(&parameter["schema"]),
                Prose(parameter["description"].as_str().unwrap_or_default()),
            )?;
        }
        html.push_str("</table></div>");
        Ok(())
    }

    fn answers(&self, html: &mut String) -> fmt::Result {
        html.push_str("<h3>Answers</h3>");
        for (status, answer) in entries(&self.body["responses"]) {
            let about = answer["description"].as_str().unwrap_or_default();
            write!(html, "<p><code>{}</code> {}</p>", Text(status), Prose(about))?;
            if let Some(content) = answer["content"].as_object() {
                bodies(html, content)?;
            }
        }
        Ok(())
    }
}

fn bodies(html: &mut String, content: &Map<String, Value>) -> fmt::Result {
    for (media, body) in content {
        write!(html, "<p class=\"key\">{} · {}</p>", Text(media), Kind(&body["schema"]))?;
        match body.get("example") {
            Some(Value::String(text)) => write!(html, "<pre>{}</pre>", Text(text))?,
            Some(example) => write!(html, "<pre>{}</pre>", Text(&format!("{example:#}")))?,
            None => {}
        }
    }
    Ok(())
}

fn schemas(html: &mut String, schemas: &Value) -> fmt::Result {
    html.push_str("<section id=\"schemas\"><h2>Schemas</h2>");
    for (name, schema) in entries(schemas) {
        write!(
            html,
            "<details id=\"schema-{0}\"><summary><code>{0}</code><span>{1}</span></summary>\
             <div class=\"inside\">",
            Text(name),
            Prose(schema["description"].as_str().unwrap_or_default()),
        )?;
        fields(html, schema)?;
        html.push_str("</div></details>");
    }
    html.push_str("</section>");
    Ok(())
}

fn fields(html: &mut String, schema: &Value) -> fmt::Result {
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().try_for_each(|part| fields(html, part));
    }
    let Some(properties) = schema["properties"].as_object() else {
        return write!(html, "<p>{}</p>", Kind(schema));
    };
    html.push_str("<div class=\"table\"><table><tr><th>Field<th>Type<th>Meaning</tr>");
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    for (name, field) in properties {
        let mark = if required.iter().any(|known| known == name) { "" } else { "?" };
        write!(
            html,
            "<tr><td><code>{}{mark}</code><td>{}<td>{}</tr>",
            Text(name),
            Kind(field),
            Prose(field["description"].as_str().unwrap_or_default()),
        )?;
    }
    html.push_str("</table></div>");
    Ok(())
}

fn entries(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    object.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

fn anchor(tag: &str) -> String {
    tag.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}

/// Text in which words between backticks are code.
struct Prose<'a>(&'a str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((before, (code, after))) =
            rest.split_once('`').and_then(|(before, tail)| Some((before, tail.split_once('`')?)))
        {
            write!(f, "{}<code>{}</code>", Text(before), Text(code))?;
            rest = after;
        }
        write!(f, "{}", Text(rest))
    }
}

/// A schema in a few words, named ones as links.
struct Kind<'a>(&'a Value);

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.0;
        if let Some(name) = reference(schema) {
            return write!(f, "<a href=\"#schema-{0}\">{0}</a>", Text(name));
        }
        if let Some(values) = schema["enum"].as_array() {
            let values: Vec<_> = values.iter().map(Value::to_string).collect();
            return write!(f, "{}", Text(&values.join(" | ")));
        }
        for (key, glue) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
            if let Some(parts) = schema[key].as_array() {
                return between(f, parts, glue);
            }
        }
        if let Some(items) = schema.get("items") {
            return write!(f, "[{}]", Kind(items));
        }
        match &schema["type"] {
            Value::String(kind) => write!(f, "{}", Text(kind))?,
            Value::Array(kinds) => {
                let kinds: Vec<_> = kinds.iter().filter_map(Value::as_str).collect();
                write!(f, "{}", Text(&kinds.join(" | ")))?;
            }
            _ => f.write_str("any")?,
        }
        if let Some(format) = schema["format"].as_str() {
            write!(f, " ({})", Text(format))?;
        }
        for (key, word) in [
            ("minimum", "≥"),
            ("maximum", "≤"),
            ("minLength", "length ≥"),
            ("maxLength", "length ≤"),
        ] {
            if let Some(bound) = schema.get(key) {
                write!(f, ", {word} {bound}")?;
            }
        }
        Ok(())
    }
}

fn between(f: &mut fmt::Formatter<'_>, parts: &[Value], glue: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(glue)?;
        }
        write!(f, "{}", Kind(part))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_document_says_cannot_become_markup() {
        let html = render(&json!({
            "info": { "title": "<b>&\"" },
            "paths": { "/<i>": { "get": { "summary": "'<u>'", "responses": {} } } },
        }));

        assert!(html.contains("&lt;b&gt;&amp;&quot;"));
        assert!(html.contains("<code>/&lt;i&gt;</code>"));
        assert!(!html.contains("<u>"));
    }

    #[test]
    fn words_between_backticks_are_code() {
        let shown = |text| Prose(text).to_string();

        assert_eq!(
            shown("Sends `a<b>` & `c`."),
            "Sends <code>a&lt;b&gt;</code> &amp; <code>c</code>."
        );
        assert_eq!(shown("a lone ` stays"), "a lone ` stays");
    }
}
