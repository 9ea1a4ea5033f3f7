//! Avro with the apache-avro crate, schemas from the registry over REST: this ecosystem has no serializer of its own.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Datum;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::Value;

/// The schema registry.
pub struct Registry {
    address: String,
    by_id: HashMap<u32, Schema>,
    by_subject: HashMap<String, (u32, Schema)>,
}

impl Registry {
    pub fn new(address: &str) -> Registry {
        Registry { address: address.to_owned(), by_id: HashMap::new(), by_subject: HashMap::new() }
    }

    fn get(&self, path: &str) -> Result<Value> {
        let text = ureq::get(format!("{}{path}", self.address)).call()?.body_mut().read_to_string()?;
        Ok(serde_json::from_str(&text)?)
    }

    fn schema(found: &Value) -> Result<Schema> {
        Ok(Schema::parse_str(found["schema"].as_str().context("a schema")?)?)
    }

    /// Type and data of a value in the wire format.
    pub fn decode(&mut self, value: &[u8]) -> Result<(String, Value)> {
        ensure!(value.len() >= 5 && value[0] == 0, "no wire format");
        let id = u32::from_be_bytes(value[1..5].try_into()?);
        if !self.by_id.contains_key(&id) {
            let found = self.get(&format!("/schemas/ids/{id}"))?;
            self.by_id.insert(id, Registry::schema(&found)?);
        }
        let schema = &self.by_id[&id];
        let datum = GenericDatumReader::builder(schema).build()?.read_value(&mut &value[5..])?;
        let name = schema.name().context("a record")?.fullname(None);
        Ok((name, datum.try_into()?))
    }

    /// A value in the wire format, by the newest schema of this type.
    pub fn encode(&mut self, topic: &str, name: &str, data: &Value) -> Result<Vec<u8>> {
        let subject = format!("{topic}-{name}");
        if !self.by_subject.contains_key(&subject) {
            let found = self.get(&format!("/subjects/{subject}/versions/latest"))?;
            let id = u32::try_from(found["id"].as_u64().context("an id")?)?;
            self.by_subject.insert(subject.clone(), (id, Registry::schema(&found)?));
        }
        let (id, schema) = &self.by_subject[&subject];
        let mut bytes = vec![0];
        bytes.extend_from_slice(&id.to_be_bytes());
        let datum = Datum::try_from(data.clone())?.resolve(schema)?;
        bytes.extend(GenericDatumWriter::builder(schema).build()?.write_value_to_vec(datum)?);
        Ok(bytes)
    }
}
