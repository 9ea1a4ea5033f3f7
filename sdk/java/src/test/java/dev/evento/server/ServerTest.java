package dev.evento.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.evento.EntityFunction;
import dev.evento.Failure;
import dev.evento.Golden;
import dev.evento.server.Client.Answer;
import evento.conformance.Break;
import evento.conformance.Conformance;
import evento.conformance.EmitMany;
import evento.conformance.ExpectCount;
import evento.conformance.Noted;
import evento.conformance.Poison;
import evento.conformance.Probe;
import evento.conformance.Reject;
import evento.conformance.Sleep;
import evento.conformance.Throw;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The server by its protocol: over real sockets, with requests written by hand. */
@Timeout(60)
class ServerTest {
    private static final String RUN = "application/vnd.evento.run.v1+avro";
    private static final String DATUM = "avro/binary";
    private static final String[] PLAIN = {"Evento-Entity-Id", "a%2D1", "Evento-Seq", "3", "Evento-Id", "c-9",
        "Evento-Time", "2026-11-23T06:00:00.000Z", "Evento-Seed", "000102030405060708090a0b0c0d0e0f",
        "Evento-Call", "5f0c6a1e9b7d4c3281e0d2f4a6b8c0de"};

    @TempDir
    Path folder;

    private Server start(Map<String, String> environment, EntityFunction<?, ?, ?>... functions) throws IOException {
        Map<String, String> all = new java.util.HashMap<>(environment);
        all.putIfAbsent("EVENTO_LISTEN", "unix:" + folder.resolve("f.sock"));
        List<EntityFunction<?, ?, ?>> served = functions.length == 0 ? List.of(new Conformance()) : List.of(functions);
        return Server.start(Settings.from(all), served, InstantSource.system());
    }

    @Test
    void the_golden_batch_has_the_golden_answer() throws Exception {
        try (Server server = start(Map.of(), new GoldenBank(null)); Client client = Client.connect(server.address())) {
            Answer answer = client.post("/run", RUN, Golden.hex("run-request.hex"), "Evento-Call", "abc");
            assertEquals(200, answer.status());
            assertEquals("abc", answer.headers().get("evento-call"));
            assertEquals(RUN, answer.headers().get("content-type"));
            assertArrayEquals(Golden.hex("run-response.hex"), answer.body());
        }
        GoldenBank refusing = new GoldenBank(Failure.poison("no such tariff"));
        try (Server server = start(Map.of(), refusing); Client client = Client.connect(server.address())) {
            Answer answer = client.post("/run", RUN, Golden.hex("run-request.hex"));
            assertArrayEquals(Golden.hex("run-response-poison.hex"), answer.body());
        }
    }

    @Test
    void plain_calls_have_the_bytes_of_the_protocol() throws Exception {
        byte[] input = HexFormat.of().parseHex("f0010872656e74" + "02" + "064164610645" + "5552d00f04");
        try (Server server = start(Map.of(), new GoldenBank(null)); Client client = Client.connect(server.address())) {
            Answer decided = client.post("/handle/bank.DepositCash", DATUM, input, PLAIN);
            assertEquals("bank.DepositReceived", decided.headers().get("evento-event"));
            assertEquals("f0010872656e74", HexFormat.of().formatHex(decided.body()));
            assertEquals(PLAIN[11], decided.headers().get("evento-call"));
            Answer applied = client.post("/apply/bank.DepositReceived", DATUM, input, PLAIN);
            assertEquals("0641646106455552c01106", HexFormat.of().formatHex(applied.body()));
        }
    }

    @Test
    void discovery_tells_everything_and_names_its_digest() throws Exception {
        try (Server server = start(Map.of("EVENTO_FUNCTION", "probes"));
                Client client = Client.connect(server.address())) {
            Answer answer = client.get("/.well-known/evento");
            assertEquals("application/vnd.evento.manifest.v1+json", answer.headers().get("content-type"));
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(answer.body());
            assertEquals(HexFormat.of().formatHex(digest), answer.headers().get("evento-manifest"));
            JsonNode manifest = new ObjectMapper().readTree(answer.body());
            assertEquals("probes", manifest.at("/function/name").asText());
            assertEquals("evento.conformance.Probe", manifest.at("/entities/0/name").asText());
            assertEquals(12, manifest.at("/entities/0/handles").size());
            assertEquals(2, manifest.at("/entities/0/rejections").size());
            assertEquals(7, manifest.at("/entities/0/applies").size());
            assertEquals(200, client.get("/ready").status());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "GET, /nothing, avro/binary, 404",
        "GET, /run, avro/binary, 405",
        "PUT, /run, avro/binary, 405",
        "POST, /ready, avro/binary, 405",
        "POST, /nothing, avro/binary, 404",
        "POST, /handle/bank.Nothing, avro/binary, 404",
        "POST, /apply/bank.Nothing, avro/binary, 404",
        "POST, /apply/evento.conformance.Rejected, avro/binary, 404",
        "POST, /run, avro/binary, 415",
        "POST, /handle/evento.conformance.Reject, application/json, 415",
        "POST, /run, application/vnd.evento.run.v1+avro, 400",
    })
    void what_is_not_served_is_answered_by_its_status(String method, String path, String type, int status)
            throws Exception {
        try (Server server = start(Map.of()); Client client = Client.connect(server.address())) {
            client.send(method + " " + path + " HTTP/1.1\r\nContent-Type: " + type + "\r\nContent-Length: 1\r\n\r\n",
                    new byte[] {7});
            Answer answer = client.receive();
            assertEquals(status, answer.status(), answer.text());
            assertEquals("application/problem+json", answer.headers().get("content-type"));
            assertEquals(200, client.get("/ready").status(), "the connection goes on");
        }
    }

    @ParameterizedTest
    @CsvSource({"Evento-Seed", "Evento-Seq", "Evento-Time"})
    void handle_needs_its_context(String missing) throws Exception {
        try (Server server = start(Map.of(), new GoldenBank(null)); Client client = Client.connect(server.address())) {
            String[] headers = PLAIN.clone();
            headers[Arrays.asList(headers).indexOf(missing)] = "X-Other";
            byte[] input = HexFormat.of().parseHex("f0010872656e7400");
            assertEquals(400, client.post("/handle/bank.DepositCash", DATUM, input, headers).status());
        }
    }

    @ParameterizedTest
    @CsvSource({"f0010872656e74, no state byte", "f0010872656e7404, a bad union index",
        "f0010872656e740000, a byte too much",
        "f00108726566ff00, no UTF-8", "f0010872656e740206, half a state"})
    void bytes_that_are_not_the_input_are_400(String hex, String what) throws Exception {
        try (Server server = start(Map.of(), new GoldenBank(null)); Client client = Client.connect(server.address())) {
            Answer answer = client.post("/handle/bank.DepositCash", DATUM, HexFormat.of().parseHex(hex), PLAIN);
            assertEquals(400, answer.status(), what);
            assertNull(answer.headers().get("evento-event"));
        }
    }

    private static byte[] input(byte[] command) {
        return Arrays.copyOf(command, command.length + 1);
    }

    @Test
    void failures_have_their_status_and_their_title() throws Exception {
        try (Server server = start(Map.of()); Client client = Client.connect(server.address())) {
            Answer thrown = client.post("/handle/evento.conformance.Throw", DATUM,
                    input(Throw.CODEC.encode(new Throw("ouch \"é\""))), PLAIN);
            JsonNode problem = new ObjectMapper().readTree(thrown.body());
            assertEquals(500, thrown.status());
            assertEquals("IllegalStateException: ouch \"é\"", problem.get("title").asText());
            assertTrue(problem.get("detail").asText().contains("Conformance.java:"), thrown.text());
            assertEquals(16, problem.get("evento-fingerprint").asText().length());
            Answer poison = client.post("/handle/evento.conformance.Poison", DATUM,
                    input(Poison.CODEC.encode(new Poison("never"))), PLAIN);
            assertEquals(422, poison.status());
            assertFalse(new ObjectMapper().readTree(poison.body()).get("evento-retry").asBoolean());
            Answer none = client.post("/handle/evento.conformance.EmitMany", DATUM,
                    input(EmitMany.CODEC.encode(new EmitMany(0))), PLAIN);
            assertEquals(400, none.status());
        }
    }

    @Test
    void several_events_travel_in_their_envelope_and_an_ended_instance_is_204() throws Exception {
        try (Server server = start(Map.of()); Client client = Client.connect(server.address())) {
            Answer many = client.post("/handle/evento.conformance.EmitMany", DATUM,
                    input(EmitMany.CODEC.encode(new EmitMany(2))), PLAIN);
            assertEquals("application/vnd.evento.events.v1+avro", many.headers().get("content-type"));
            assertNull(many.headers().get("evento-event"));
            assertEquals(2, new dev.evento.codec.Reader(many.body()).readInt());
            assertEquals(204, client.post("/apply/evento.conformance.Ended", DATUM, new byte[1], PLAIN).status());
            assertEquals(200, client.get("/ready").status());
        }
    }

    @Test
    void a_work_that_fails_leaves_the_others_and_its_first_outcomes() throws Exception {
        Envelopes.Step expect0 = Envelopes.Step.of(ExpectCount.CODEC, new ExpectCount(0));
        Envelopes.Step expect1 = Envelopes.Step.of(ExpectCount.CODEC, new ExpectCount(1));
        List<Envelopes.Work> works = List.of(
                new Envelopes.Work(11, "a", 0, null, true, 2, List.of(expect0, expect1)),
                new Envelopes.Work(-5, "b", 0, null, true, 1, List.of(expect0,
                        Envelopes.Step.of(Throw.CODEC, new Throw("ouch")))),
                new Envelopes.Work(3, "c", 0, null, true, 2, List.of(Envelopes.Step.of(Break.CODEC, new Break("x")))),
                new Envelopes.Work(4, "d", 0, null, true, 2, List.of(new Envelopes.Step("no.Such", new byte[0]))),
                new Envelopes.Work(5, "e", 0, new byte[] {7}, true, 2, List.of(expect0)),
                new Envelopes.Work(6, "f", 0, null, true, 1, List.of(expect0,
                        Envelopes.Step.of(Reject.CODEC, new Reject("no")))));
        List<Envelopes.Result> results = run(works);
        assertEquals(List.of(11, -5, 3, 4, 5, 6), results.stream().map(Envelopes.Result::ref).toList());
        assertEquals(2, results.get(0).outcomes().size());
        assertEquals(1, Probe.CODEC.decode(results.get(0).outcomes().get(0).states().get(0)).count());
        assertEquals(List.of(1, 1, 0, "IllegalStateException: ouch"), List.of(results.get(1).outcomes().size(),
                results.get(1).failedStep(), results.get(1).kind(), results.get(1).title()));
        assertEquals(List.of(0, 0, 0), List.of(results.get(2).outcomes().size(), results.get(2).failedStep(),
                results.get(2).kind()), "apply of Broken fails, so nothing of the command stays");
        assertEquals(List.of(2, "unknown command no.Such"), List.of(results.get(3).kind(), results.get(3).title()));
        assertEquals(List.of(2, "undecodable payload"), List.of(results.get(4).kind(), results.get(4).title()));
        assertEquals(List.of(0, 1), results.get(5).outcomes().stream().map(o -> o.states().size()).toList());
        assertEquals(1, Probe.CODEC.decode(results.get(5).outcomes().get(1).states().get(0)).count());
    }

    private List<Envelopes.Result> run(List<Envelopes.Work> works) throws Exception {
        try (Server server = start(Map.of()); Client client = Client.connect(server.address())) {
            Answer answer = client.post("/run", RUN, Envelopes.request("evento.conformance.Probe", works));
            assertEquals(200, answer.status(), answer.text());
            return Envelopes.response(answer.body());
        }
    }

    @Test
    void more_works_than_the_manifest_offers_are_refused() throws Exception {
        Envelopes.Step step = Envelopes.Step.of(ExpectCount.CODEC, new ExpectCount(0));
        Envelopes.Work work = new Envelopes.Work(1, "a", 0, null, true, 2, List.of(step));
        assertEquals(512, run(java.util.Collections.nCopies(512, work)).size());
        try (Server server = start(Map.of()); Client client = Client.connect(server.address())) {
            byte[] body = Envelopes.request("evento.conformance.Probe", java.util.Collections.nCopies(513, work));
            assertEquals(400, client.post("/run", RUN, body).status());
        }
    }

    @Test
    void an_entity_of_another_process_is_a_contract_failure() throws Exception {
        try (Server server = start(Map.of()); Client client = Client.connect(server.address())) {
            Answer answer = client.post("/run", RUN, Golden.hex("run-request.hex"));
            assertEquals(2, Envelopes.response(answer.body()).get(0).kind());
        }
    }

    @Test
    void a_request_for_another_start_of_the_process_is_409() throws Exception {
        try (Server server = start(Map.of("EVENTO_INSTANCE", "mine"));
                Client client = Client.connect(server.address())) {
            client.send("GET /.well-known/evento HTTP/1.1\r\nEvento-Instance: other\r\n\r\n", new byte[0]);
            assertEquals(409, client.receive().status());
            client.send("GET /.well-known/evento HTTP/1.1\r\nEvento-Instance: mine\r\n\r\n", new byte[0]);
            assertEquals(200, client.receive().status());
        }
    }

    @Test
    void limits_hold_before_anything_is_buffered() throws Exception {
        try (Server server = start(Map.of())) {
            String run = "POST /run HTTP/1.1\r\nContent-Type: " + RUN + "\r\n";
            assertEquals(413, refusal(server, run + "Content-Length: 16777217\r\n\r\n"));
            assertEquals(413, refusal(server, run + "Transfer-Encoding: chunked\r\n\r\n1000001\r\n"));
            assertEquals(431, refusal(server, "GET / HTTP/1.1\r\nX: " + "x".repeat(17 << 10)));
            assertEquals(431, refusal(server, "GET / HTTP/1.1\r\n" + "X: x\r\n".repeat(65) + "\r\n"));
            assertEquals(400, refusal(server, run + "Content-Length: -1\r\n\r\n"));
            assertEquals(400, refusal(server, run + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"));
            assertEquals(400, refusal(server, run + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"));
            assertEquals(400, refusal(server, "nonsense\r\n\r\n"));
            assertEquals(505, refusal(server, "GET / HTTP/1.0\r\n\r\n"));
            assertEquals(415, refusal(server, run + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"));
        }
    }

    @Test
    void large_requests_share_a_bound_of_memory() throws Exception {
        try (Server server = start(Map.of())) {
            long all = 0;
            while (server.budget().take(1 << 20)) {
                all += 1 << 20;
            }
            String head = "POST /run HTTP/1.1\r\nContent-Type: " + RUN + "\r\nContent-Length: 4194304\r\n\r\n";
            assertEquals(503, refusal(server, head));
            server.budget().give(all);
            for (int n = 0; n < 3; n++) {
                try (Client client = Client.connect(server.address())) {
                    assertEquals(400, client.post("/run", RUN, new byte[16 << 20]).status(), "taken and given back");
                }
            }
        }
    }

    private static int refusal(Server server, String head) throws IOException {
        try (Client client = Client.connect(server.address())) {
            client.send(head, new byte[0]);
            Answer answer = client.receive();
            assertEquals("close", answer.headers().get("connection"), head);
            return answer.status();
        }
    }

    @Test
    void chunks_are_put_together() throws Exception {
        byte[] body = Golden.hex("run-request.hex");
        try (Server server = start(Map.of(), new GoldenBank(null)); Client client = Client.connect(server.address())) {
            client.send("POST /run HTTP/1.1\r\nContent-Type: " + RUN + "\r\nTransfer-Encoding: chunked\r\n\r\n",
                    new byte[0]);
            for (int at = 0; at < body.length; at += 40) {
                byte[] chunk = Arrays.copyOfRange(body, at, Math.min(body.length, at + 40));
                client.send(Integer.toHexString(chunk.length) + ";x=y\r\n", chunk);
                client.send("\r\n", new byte[0]);
            }
            client.send("0\r\nTrailer: x\r\n\r\n", new byte[0]);
            assertArrayEquals(Golden.hex("run-response.hex"), client.receive().body());
            assertEquals(200, client.get("/ready").status());
        }
    }

    @Test
    void after_the_deadline_nothing_is_answered_and_user_code_is_interrupted() throws Exception {
        byte[] sleep = input(Sleep.CODEC.encode(new Sleep(60_000)));
        try (Server server = start(Map.of()); Client client = Client.connect(server.address());
                Client beside = Client.connect(server.address())) {
            String[] headers = Arrays.copyOf(PLAIN, PLAIN.length + 2);
            headers[PLAIN.length] = "Evento-Timeout-Ms";
            headers[PLAIN.length + 1] = "200";
            client.send("/handle/evento.conformance.Sleep", DATUM, sleep, headers);
            assertTrue(client.isClosedWithoutAnswer());
            assertEquals(200, beside.get("/ready").status());
        }
    }

    @Test
    void stopping_answers_what_is_in_flight() throws Exception {
        Path socket = folder.resolve("f.sock");
        Server server = start(Map.of());
        try (Client busy = Client.connect(server.address()); Client idle = Client.connect(server.address())) {
            busy.send("/handle/evento.conformance.Sleep", DATUM, input(Sleep.CODEC.encode(new Sleep(500))), PLAIN);
            while (server.inFlight() == 0) {
                Thread.onSpinWait();
            }
            CompletableFuture<Void> closing = CompletableFuture.runAsync(server::close);
            while (!server.isStopping()) {
                Thread.onSpinWait();
            }
            Answer refused = idle.get("/.well-known/evento");
            assertEquals(503, refused.status());
            assertEquals("1", refused.headers().get("retry-after"));
            Answer answer = busy.receive();
            assertEquals(200, answer.status());
            assertEquals("close", answer.headers().get("connection"));
            assertEquals(new Noted(500, "slept"), Noted.CODEC.decode(answer.body()));
            closing.get(5, TimeUnit.SECONDS);
        }
        assertFalse(Files.exists(socket));
    }

    @Test
    void a_unix_socket_is_for_its_owner_only_and_an_old_one_makes_room() throws Exception {
        Path socket = folder.resolve("f.sock");
        Files.writeString(socket, "left over");
        try (Server server = start(Map.of()); Client client = Client.connect(server.address())) {
            assertEquals(200, client.get("/ready").status());
            assertEquals("rw-------", java.nio.file.attribute.PosixFilePermissions.toString(
                    Files.getPosixFilePermissions(socket)));
        }
    }

    @Test
    void tcp_serves_as_well_and_several_entities_share_one_process() throws Exception {
        Map<String, String> environment = Map.of("EVENTO_LISTEN", "127.0.0.1:0");
        try (Server server = start(environment, new Conformance(), new GoldenBank(null));
                Client client = Client.connect(server.address())) {
            JsonNode manifest = new ObjectMapper().readTree(client.get("/.well-known/evento").body());
            assertEquals(2, manifest.get("entities").size());
            Answer answer = client.post("/run", RUN, Golden.hex("run-request.hex"));
            assertArrayEquals(Golden.hex("run-response.hex"), answer.body());
        }
    }
}
