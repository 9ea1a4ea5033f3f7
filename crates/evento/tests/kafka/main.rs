//! Real Kafka clients, unchanged, against a real `evento`: what each can do is a table in `docs/kafka-clients.md`.
//!
//! One test per client: it starts a server with the bank, lets the client's program (`clients/`) do everything that
//! a row of the table names, and compares its column. `scripts/setup-kafka-clients` gets the clients.
//! To write the table anew: `EVENTO_TEST_WRITE=1 cargo test -p evento --test kafka`.

mod bank;
mod clients;
mod example;
mod features;
mod kills;
mod matrix;
mod program;
mod quota;
mod row;
#[path = "../e2e/server.rs"]
#[allow(dead_code, reason = "the other tests use the rest of it")]
mod server;

use clients::Client;

#[test]
fn kcat_does_what_the_table_says() {
    row::judge(Client::Kcat);
}

#[test]
fn confluent_kafka_does_what_the_table_says() {
    row::judge(Client::Confluent);
}

#[test]
fn aiokafka_does_what_the_table_says() {
    row::judge(Client::Aiokafka);
}

#[test]
fn kafka_python_does_what_the_table_says() {
    row::judge(Client::KafkaPython);
}

#[test]
fn java_kafka_clients_do_what_the_table_says() {
    row::judge(Client::Java);
}

#[test]
fn kafkajs_does_what_the_table_says() {
    row::judge(Client::Kafkajs);
}

#[test]
fn platformatic_kafka_does_what_the_table_says() {
    row::judge(Client::Platformatic);
}

#[test]
fn rdkafka_does_what_the_table_says() {
    row::judge(Client::Rdkafka);
}
