package dev.evento.server;

import dev.evento.ApplyContext;
import dev.evento.Bytes;
import dev.evento.Context;
import dev.evento.Failure;
import dev.evento.codec.Codec;
import dev.evento.codec.Malformed;
import dev.evento.codec.Reader;
import dev.evento.codec.Writer;
import dev.evento.host.CommandType;
import dev.evento.host.CommandType.Emitted;
import dev.evento.host.EventType;
import dev.evento.host.Host;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;

/**
 * The batch framing: a fold over steps for each work (function protocol 2 and 6.2). A work that fails leaves the
 * others as they are. One per connection: its buffers are used again for every request.
 */
final class Run {
    private static final int EACH = 2;
    private static final int FINAL = 1;

    private final Functions functions;
    private final Failures failures;
    private final Batch batch = new Batch();
    private final Reader datum = new Reader(new byte[0]);
    private final Writer results = new Writer(4096);
    private final Writer outcomes = new Writer(4096);
    private final Writer scratch = new Writer(1024);

    Run(Functions functions, Failures failures) {
        this.functions = functions;
        this.failures = failures;
    }

    /**
     * Answers a {@code RunRequest}.
     *
     * @throws Malformed when the envelope cannot be read
     * @throws Deadline.Passed when the time is over
     */
    void answer(byte[] body, int from, int to, Deadline deadline, Writer out) {
        results.clear(Limits.KEPT_BYTES);
        scratch.clear(Limits.KEPT_BYTES);
        Host<?> host = batch.begin(functions, body, from, to);
        while (batch.next()) {
            results.writeInt(batch.ref);
            outcomes.clear(Limits.KEPT_BYTES);
            if (host == null) {
                writeResult(0, Failure.contract("unknown entity", "this process has functions for other entities"));
            } else {
                fold(host, deadline);
            }
        }
        writeArray(out, batch.works(), results);
    }

    private <S> void fold(Host<S> host, Deadline deadline) {
        int done = 0;
        Failure failure = null;
        int mark = 0;
        try {
            S state = state(host);
            long seq = batch.seq;
            for (; done < batch.steps(); done++) {
                deadline.check();
                mark = outcomes.size();
                boolean last = done == batch.steps() - 1;
                if (batch.isCommand) {
                    Context context = context(done, seq);
                    List<Emitted<S>> events = decide(host, done, state, context);
                    state = writeCommand(host, events, state, context.forApply(), last);
                    seq += events.size();
                } else {
                    state = evolve(host, done, state);
                    writeEvent(host.state(), state, last);
                }
            }
        } catch (Deadline.Passed passed) {
            throw passed;
        } catch (Throwable thrown) {
            deadline.check();
            outcomes.truncate(mark);
            failure = failures.of(thrown, done < batch.steps() ? id(done) : "");
        }
        writeResult(done, failure);
    }

    private <S> S state(Host<S> host) {
        if (batch.stateFrom < 0) {
            return null;
        }
        return readAll(host.state(), batch.stateFrom, batch.stateLength);
    }

    private Context context(int step, long seq) {
        if (batch.seedLength(step) != 16) {
            throw Failure.contract("a seed has 16 bytes", "this one has " + batch.seedLength(step));
        }
        Bytes seed = Bytes.copyOf(batch.bytes(), batch.seedFrom(step), 16);
        return new Context(batch.entityId, seq, id(step), Instant.ofEpochMilli(batch.time(step)), seed);
    }

    private String id(int step) {
        return new String(batch.bytes(), batch.idFrom(step), batch.idLength(step), StandardCharsets.UTF_8);
    }

    private <S> List<Emitted<S>> decide(Host<S> host, int step, S state, Context context) {
        CommandType<?, S> type = host.command(batch.bytes(), batch.typeFrom(step), batch.typeLength(step));
        if (type == null) {
            throw unknown("command", step);
        }
        Object command = readAll(type.codec(), batch.payloadFrom(step), batch.payloadLength(step));
        return type.decide(command, state, context);
    }

    private <S> S evolve(Host<S> host, int step, S state) {
        EventType<?, S> type = host.event(batch.bytes(), batch.typeFrom(step), batch.typeLength(step));
        if (type == null || !type.isApplied()) {
            throw unknown("event", step);
        }
        Object event = readAll(type.codec(), batch.payloadFrom(step), batch.payloadLength(step));
        return type.apply(event, state, new ApplyContext(batch.entityId, Instant.ofEpochMilli(batch.time(step))));
    }

    private Failure unknown(String what, int step) {
        String name = new String(batch.bytes(), batch.typeFrom(step), batch.typeLength(step), StandardCharsets.UTF_8);
        return Failure.contract("unknown " + what + " " + name, "run evento gen again when the resources have changed");
    }

    private <T> T readAll(Codec<T> codec, int from, int length) {
        try {
            return codec.readAll(datum.over(batch.bytes(), from, from + length));
        } catch (Malformed malformed) {
            throw Failure.contract("undecodable payload", malformed.getMessage());
        }
    }

    /** Outcome of a command: its events, and the states that are wanted. */
    private <S> S writeCommand(Host<S> host, List<Emitted<S>> events, S state, ApplyContext context, boolean last) {
        outcomes.writeLong(events.size());
        for (Emitted<S> event : events) {
            byte[] name = event.type().nameBytes();
            outcomes.writeBytes(name, 0, name.length);
            writePayload(event.type().codec(), event.event());
        }
        outcomes.writeIndex(0);
        if (batch.want == EACH) {
            outcomes.writeLong(events.size());
        }
        if (batch.want != 0) {
            for (Emitted<S> event : events) {
                state = event.type().apply(event.event(), state, context);
                if (batch.want == EACH) {
                    writeState(host.state(), state);
                }
            }
        }
        if (batch.want == EACH) {
            outcomes.writeIndex(0);
        } else {
            writeFinal(host.state(), state, last);
        }
        return state;
    }

    /** Outcome of an event: no events, and the state if it is wanted. */
    private <S> void writeEvent(Codec<S> codec, S state, boolean last) {
        outcomes.writeIndex(0);
        writeFinal(codec, state, batch.want == EACH || last);
    }

    private <S> void writeFinal(Codec<S> codec, S state, boolean wanted) {
        if (wanted && batch.want != 0) {
            outcomes.writeLong(1);
            writeState(codec, state);
        }
        outcomes.writeIndex(0);
    }

    private <S> void writeState(Codec<S> codec, S state) {
        outcomes.writeIndex(state == null ? 0 : 1);
        if (state != null) {
            writePayload(codec, state);
        }
    }

    private <T> void writePayload(Codec<T> codec, Object value) {
        scratch.truncate(0);
        codec.write(scratch, codec.type().cast(value));
        outcomes.writeBytes(scratch);
    }

    private void writeResult(int done, Failure failure) {
        writeArray(results, done, outcomes);
        results.writeIndex(failure == null ? 0 : 1);
        if (failure != null) {
            results.writeInt(done);
            results.writeIndex(failure.kind().ordinal());
            results.writeString(Failures.cut(String.valueOf(failure.title()), Limits.TITLE_BYTES));
            results.writeString(Failures.cut(failure.detail(), Limits.DETAIL_BYTES));
        }
    }

    /** An array whose items are written already, as one block. */
    private static void writeArray(Writer out, int count, Writer items) {
        if (count > 0) {
            out.writeLong(count);
            out.writeRaw(items);
        }
        out.writeIndex(0);
    }
}
