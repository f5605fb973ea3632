//! The protocol in machine form: an `AsyncAPI` 3.0 document for the socket and an `OpenAPI` 3.1
//! document for the HTTP API, both made from the wire types.
//!
//! `docs/asyncapi.yaml` and `docs/openapi.yaml` are their output, kept in the repository for
//! whoever reads or generates code from them; a test compares, and
//! `cargo run -p tidings-protocol --example documents` writes them again.

mod abuse;
mod asyncapi;
mod devices;
mod groups;
mod invites;
mod keys;
mod media;
mod messages;
mod openapi;
mod personal;
mod search;
pub(crate) mod types;
mod yaml;

use std::collections::BTreeSet;

use schemars::{
    JsonSchema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Map, Value, json};

pub use asyncapi::asyncapi;
pub use openapi::openapi;
pub use yaml::to_yaml;

use crate::ErrorCode;

/// Version of the protocol that the documents describe.
const PROTOCOL_VERSION: &str = "1.0.0";
const SCHEMAS: &str = "#/components/schemas/";

/// Schemas for both directions: what a client may say, as it is read, and what the service says, as it is written.
struct Schemas {
    said_by_client: SchemaGenerator,
    said_by_service: SchemaGenerator,
}

impl Schemas {
    fn new(settings: SchemaSettings) -> Self {
        let settings = settings.with(|s| {
            s.definitions_path = "/components/schemas".into();
            s.meta_schema = None;
        });
        Self {
            said_by_client: settings
                .clone()
                .for_deserialize()
                .with_transform(Tidy { keeps_null: true })
                .into_generator(),
            said_by_service: settings.for_serialize().with_transform(Tidy { keeps_null: false }).into_generator(),
        }
    }

    /// A reference to what a client may say.
    fn taken<T: JsonSchema>(&mut self) -> Value {
        self.said_by_client.subschema_for::<T>().into()
    }

    /// A reference to what the service says.
    fn given<T: JsonSchema>(&mut self) -> Value {
        self.said_by_service.subschema_for::<T>().into()
    }

    /// The definitions that have been referred to, of both directions.
    fn into_definitions(mut self) -> Map<String, Value> {
        let mut definitions = self.said_by_client.take_definitions(true);
        definitions.append(&mut self.said_by_service.take_definitions(true));
        if let Some(codes) = definitions.get_mut("ErrorCode") {
            codes["x-http-status"] =
                ErrorCode::ALL.iter().map(|code| (code.to_string(), json!(code.http_status()))).collect();
        }
        definitions
    }
}

/// Drops what says nothing: integer formats that stand beside their bounds; and, from what the
/// service says, `null` (an absent field is left out) and defaults (a field with one is there).
#[derive(Clone)]
struct Tidy {
    keeps_null: bool,
}

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut schemars::Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        if object.get("format").and_then(Value::as_str).is_some_and(|f| f.starts_with("uint")) {
            object.remove("format");
        }
        if self.keeps_null {
            return;
        }
        object.remove("default");
        if let Some(Value::Array(kinds)) = object.get_mut("type") {
            kinds.retain(|kind| kind != "null");
            if let [only] = kinds.as_slice() {
                object["type"] = only.clone();
            }
        }
        let Some(Value::Array(options)) = object.get_mut("anyOf") else { return };
        options.retain(|option| *option != json!({ "type": "null" }));
        if let [only] = options.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            match only {
                // A sibling of `$ref` says nothing in draft 7, which AsyncAPI speaks.
                Value::Object(only) if object.contains_key("description") && only.contains_key("$ref") => {
                    object.insert("allOf".into(), json!([only]));
                }
                Value::Object(mut only) => object.append(&mut only),
                _ => {}
            }
        }
    }
}

/// Leaves only definitions that the rest of the document leads to.
fn prune(definitions: &mut Map<String, Value>, roots: &[&Value]) {
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> = roots.iter().flat_map(|root| references(root)).collect();
    while let Some(name) = open.pop() {
        if let Some(definition) = definitions.get(&name)
            && reached.insert(name)
        {
            open.extend(references(definition));
        }
    }
    definitions.retain(|name, _| reached.contains(name));
    definitions.sort_keys();
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(object) => {
            let own = object.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix(SCHEMAS));
            own.map(str::to_owned).into_iter().chain(object.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn info(title: &str, description: &str) -> Value {
    json!({
        "title": title,
        "version": PROTOCOL_VERSION,
        "description": description,
        "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
    })
}
