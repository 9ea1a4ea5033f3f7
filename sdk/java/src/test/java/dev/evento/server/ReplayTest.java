package dev.evento.server;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import dev.evento.Golden;
import dev.evento.codec.Writer;
import dev.evento.server.Envelopes.Step;
import dev.evento.server.Envelopes.Work;
import evento.conformance.Conformance;
import evento.conformance.Echo;
import evento.conformance.Echoed;
import evento.conformance.Ended;
import evento.conformance.Everything;
import evento.conformance.Inner;
import evento.conformance.Mapped;
import evento.conformance.Noted;
import evento.conformance.RejectedAndCounted;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** A replay of ten thousand events, in works of many steps, ends in the golden states. */
class ReplayTest {
    private static final Everything ZERO = Echo.CODEC.decode(Golden.hex("everything-zero.hex")).value();

    private static Step event(int i) {
        if (i == 4999) {
            return Step.of(Ended.CODEC, new Ended());
        }
        if (i % 100 == 99) {
            return Step.of(Echoed.CODEC, new Echoed(echo(i)));
        }
        if (i % 10 == 9) {
            Map<String, Long> entries = new TreeMap<>();
            for (long j = 0; j < i % 7; j++) {
                entries.put("k" + j, i * j);
            }
            return Step.of(Mapped.CODEC, new Mapped(entries));
        }
        if (i % 10 == 4) {
            return Step.of(RejectedAndCounted.CODEC, new RejectedAndCounted("no " + i));
        }
        return Step.of(Noted.CODEC, new Noted((int) (i * 7919L % 104729), "event " + i + " é"));
    }

    private static Everything echo(int i) {
        Inner list = null;
        for (int link = 0; link < i / 100 % 5; link++) {
            list = new Inner("n", list);
        }
        return ZERO.withAnInt(i).withALong((long) i << 32).withAString("echo " + i).withADouble(i / 4.0)
                .withList(list).withLongs(Map.of("i", (long) i));
    }

    @Test
    void ten_thousand_events_end_in_the_golden_states() {
        Functions functions = new Functions("", List.of(new Conformance()));
        Run run = new Run(functions, new Failures(true));
        JsonNode golden = Golden.json("replay.json").get("states");
        byte[] state = null;
        int compared = 0;
        int[] stops = {1, 100, 4999, 5000, 5001, 7500, 10000};
        int done = 0;
        for (int stop : stops) {
            List<Step> steps = new ArrayList<>();
            for (; done < stop; done++) {
                steps.add(event(done));
            }
            Work work = new Work(1, "r", done - steps.size(), state, false, 1, steps);
            byte[] body = Envelopes.request("evento.conformance.Probe", List.of(work));
            Writer out = new Writer(1024);
            run.answer(body, 0, body.length, Deadline.in(60_000), out);
            Envelopes.Result result = Envelopes.response(out.toByteArray()).get(0);
            assertEquals("", result.title());
            state = result.outcomes().get(steps.size() - 1).states().get(0);
            JsonNode wanted = golden.get(String.valueOf(stop));
            if (wanted != null) {
                compared++;
                assertEquals(wanted.isNull() ? null : wanted.asText(),
                        state == null ? null : HexFormat.of().formatHex(state), "after " + stop);
            }
        }
        assertEquals(golden.size(), compared);
    }
}
