package dev.evento.server;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.evento.codec.Writer;
import dev.evento.server.Client.Answer;
import dev.evento.server.Envelopes.Step;
import dev.evento.server.Envelopes.Work;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The bank in Java and the bank in Rust, as processes, give the same bytes for the same requests. {@code BANK_FUNCTION}
 * is the path of the one in Rust; without it the test is skipped.
 */
@Timeout(180)
class TwinTest {
    private static final int REQUESTS = 300;
    private static final String RUN = "application/vnd.evento.run.v1+avro";
    private static final String[] TEXTS = {"", "rent", "Zoë", "😀", "EUR", "a longer text, with a comma"};
    private static final long[] AMOUNTS = {Long.MIN_VALUE, -1, 0, 1, 5, 100, 120, 1_000_000, Long.MAX_VALUE};

    @TempDir
    Path folder;

    @Test
    void both_banks_answer_every_request_with_the_same_bytes() throws Exception {
        String rust = System.getenv("BANK_FUNCTION");
        assumeTrue(rust != null, "SKIPPED: BANK_FUNCTION names no bank in Rust");
        Path java = Path.of("../../examples/bank-java/run-function").toAbsolutePath();
        Process inRust = start("rust", rust);
        Process inJava = start("java", java.toString());
        try (Client one = connect("rust"); Client other = connect("java")) {
            Random random = new Random(20261123);
            for (int n = 0; n < REQUESTS; n++) {
                byte[] request = request(random);
                Answer wanted = one.post("/run", RUN, request);
                Answer answer = other.post("/run", RUN, request);
                assertEquals(200, wanted.status(), wanted.text());
                assertArrayEquals(wanted.body(), answer.body(), "request " + n);
            }
        } finally {
            inRust.destroy();
            inJava.destroy();
        }
        assertTrue(inJava.waitFor(10, TimeUnit.SECONDS));
        assertEquals(0, inJava.exitValue(), "SIGTERM ends it with 0");
    }

    private Process start(String name, String command) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
        builder.environment().put("EVENTO_LISTEN", "unix:" + folder.resolve(name));
        return builder.start();
    }

    /** Tries until the process listens. */
    private Client connect(String name) throws IOException {
        long until = System.nanoTime() + Duration.ofSeconds(120).toNanos();
        while (true) {
            try {
                return Client.connect("unix:" + folder.resolve(name));
            } catch (IOException notYet) {
                if (System.nanoTime() > until) {
                    throw notYet;
                }
                Thread.yield();
            }
        }
    }

    private static byte[] request(Random random) {
        List<Work> works = new ArrayList<>();
        for (int left = random.nextInt(8); left >= 0; left--) {
            List<Step> steps = new ArrayList<>();
            for (int more = random.nextInt(12); more >= 0; more--) {
                steps.add(command(random));
            }
            byte[] state = random.nextInt(3) == 0 ? null : account(random);
            int want = 1 + random.nextInt(2);
            works.add(new Work(random.nextInt(), "a-" + left, random.nextInt(9), state, true, want, steps));
        }
        return Envelopes.request("bank.Account", works);
    }

    private static byte[] account(Random random) {
        Writer out = new Writer(64);
        out.writeString(text(random));
        out.writeString(text(random));
        out.writeLong(random.nextBoolean() ? 0 : Math.max(0, amount(random)));
        out.writeInt(random.nextInt(4) == 0 ? Integer.MAX_VALUE : random.nextInt(9));
        out.writeBoolean(random.nextInt(5) == 0);
        return out.toByteArray();
    }

    private static Step command(Random random) {
        Writer out = new Writer(64);
        String name = switch (random.nextInt(5)) {
            case 0 -> {
                out.writeString(text(random));
                out.writeString(text(random));
                yield "OpenAccount";
            }
            case 1 -> {
                out.writeLong(amount(random));
                out.writeString(text(random));
                yield "ReceiveDeposit";
            }
            case 2 -> {
                out.writeLong(amount(random));
                out.writeString(text(random));
                yield "WithdrawCash";
            }
            case 3 -> {
                out.writeLong(amount(random));
                out.writeString(text(random));
                out.writeString(text(random));
                yield "TransferOut";
            }
            default -> "CloseAccount";
        };
        return new Step("bank." + name, out.toByteArray());
    }

    private static long amount(Random random) {
        return AMOUNTS[random.nextInt(AMOUNTS.length)];
    }

    private static String text(Random random) {
        return TEXTS[random.nextInt(TEXTS.length)];
    }
}
