package dev.evento.server;

import dev.evento.codec.Codec;
import dev.evento.codec.Reader;
import dev.evento.codec.Writer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Writes run requests and reads run responses, as Evento does: by hand, so that the server does not test itself. */
final class Envelopes {
    /** A step: the full name of its type, its bytes. */
    record Step(String type, byte[] payload) {
        static <T> Step of(Codec<T> codec, T value) {
            return new Step(codec.name(), codec.encode(value));
        }
    }

    /** A work. */
    record Work(int ref, String entityId, long seq, byte[] state, boolean isCommand, int want, List<Step> steps) {}

    /** Events by name and bytes, and states. */
    record Outcome(List<Step> events, List<byte[]> states) {}

    /** A result; kind 0 RETRY, 1 POISON, 2 CONTRACT, or -1 without failure. */
    record Result(int ref, List<Outcome> outcomes, int failedStep, int kind, String title, String detail) {}

    static final byte[] SEED = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static final long TIME = 1_795_413_600_000L;

    private Envelopes() {}

    static byte[] request(String entity, List<Work> works) {
        Writer out = new Writer(1024);
        out.writeString(entity);
        out.writeList(works, Envelopes::work);
        return out.toByteArray();
    }

    private static void work(Writer out, Work work) {
        out.writeInt(work.ref());
        out.writeString(work.entityId());
        out.writeLong(work.seq());
        out.writeIndex(work.state() == null ? 0 : 1);
        if (work.state() != null) {
            out.writeBytes(work.state(), 0, work.state().length);
        }
        out.writeIndex(work.isCommand() ? 0 : 1);
        out.writeIndex(work.want());
        out.writeList(work.steps(), (to, step) -> {
            to.writeString(step.type());
            to.writeBytes(step.payload(), 0, step.payload().length);
            to.writeString("c-9");
            to.writeLong(TIME);
            to.writeBytes(SEED, 0, work.isCommand() ? 16 : 0);
            to.writeIndex(0);
        });
    }

    static List<Result> response(byte[] bytes) {
        Reader in = new Reader(bytes);
        List<Result> results = in.readList(Envelopes::result);
        in.end();
        return results;
    }

    private static Result result(Reader in) {
        int ref = in.readInt();
        List<Outcome> outcomes = in.readList(Envelopes::outcome);
        if (in.readIndex(2) == 0) {
            return new Result(ref, outcomes, -1, -1, "", "");
        }
        return new Result(ref, outcomes, in.readInt(), in.readIndex(3), in.readString(), in.readString());
    }

    private static Outcome outcome(Reader in) {
        List<Step> events = in.readList(from -> new Step(from.readString(), from.readBytes().toByteArray()));
        List<byte[]> states = new ArrayList<>(in.readList(from ->
                from.readOptional(0, state -> state.readBytes().toByteArray())));
        return new Outcome(events, states);
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
