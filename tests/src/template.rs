//! The deployed template, read as it stands.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use serde_yaml_ng::Value as Yaml;

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// A resource of the template.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its name in the template.
    pub name: String,
    /// Its type, for example `AWS::SQS::Queue`.
    pub kind: String,
    /// Its properties; `!Ref X` is `{"Ref": "X"}` and so on.
    pub properties: Value,
}

/// The template.
#[derive(Clone, Debug)]
pub struct Template(Value);

impl Template {
    /// Reads `template.yaml`.
    pub fn read() -> Self {
        let text = std::fs::read_to_string(repository().join("template.yaml")).unwrap();
        let yaml: Yaml = serde_yaml_ng::from_str(&text).unwrap();
        Self(json_of(&yaml))
    }

    /// The whole, as JSON.
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// All resources.
    pub fn resources(&self) -> Vec<Resource> {
        let resources = self.0["Resources"].as_object().expect("resources");
        resources
            .iter()
            .map(|(name, resource)| Resource {
                name: name.clone(),
                kind: resource["Type"].as_str().expect("a type").to_owned(),
                properties: resource["Properties"].clone(),
            })
            .collect()
    }

    /// The resources of a type.
    pub fn of_kind(&self, kind: &str) -> Vec<Resource> {
        self.resources().into_iter().filter(|resource| resource.kind == kind).collect()
    }

    /// The route keys of an API, by the name of its resource.
    pub fn route_keys(&self, api: &str) -> Vec<String> {
        self.of_kind("AWS::ApiGatewayV2::Route")
            .iter()
            .filter(|route| route.properties["ApiId"]["Ref"] == api)
            .map(|route| route.properties["RouteKey"].as_str().expect("a route key").to_owned())
            .collect()
    }
}

/// The short forms of CloudFormation's functions as their long ones.
fn json_of(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => json!(value),
        Yaml::Number(number) => number.as_i64().map_or_else(|| json!(number.as_f64()), |whole| json!(whole)),
        Yaml::String(text) => json!(text),
        Yaml::Sequence(items) => items.iter().map(json_of).collect(),
        Yaml::Mapping(entries) => {
            let entry = |(key, value): (&Yaml, &Yaml)| (key.as_str().expect("a name").to_owned(), json_of(value));
            Value::Object(entries.iter().map(entry).collect())
        }
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string();
            let name = name.trim_start_matches('!');
            let name = if matches!(name, "Ref" | "Condition") { name.to_owned() } else { format!("Fn::{name}") };
            let value = match &tagged.value {
                Yaml::String(text) if name == "Fn::GetAtt" => {
                    let (resource, attribute) = text.split_once('.').expect("resource.attribute");
                    json!([resource, attribute])
                }
                other => json_of(other),
            };
            json!({ name: value })
        }
    }
}
