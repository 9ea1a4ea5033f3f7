package dev.evento.server;

import dev.evento.ApplyContext;
import dev.evento.Context;
import dev.evento.codec.Codec;
import dev.evento.codec.Malformed;
import dev.evento.codec.Reader;
import dev.evento.codec.Writer;
import dev.evento.host.CommandType;
import dev.evento.host.CommandType.Emitted;
import dev.evento.host.EventType;
import dev.evento.host.Host;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The plain framing: one step per request (function protocol 6.1). One per connection. */
final class Plain {
    private static final String DATUM_TYPE = "avro/binary";
    private static final String EVENTS_TYPE = "application/vnd.evento.events.v1+avro";

    private final Functions functions;
    private final Failures failures;
    private final Reader datum = new Reader(new byte[0]);
    private final Writer scratch = new Writer(1024);

    Plain(Functions functions, Failures failures) {
        this.functions = functions;
        this.failures = failures;
    }

    /** {@code POST /handle/{name}}. */
    void handle(String name, Request request, Deadline deadline, Reply reply) {
        byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
        Host<?> host = functions.hostOfCommand(nameBytes);
        if (host == null) {
            throw new Refused(404, "unknown command", name);
        }
        checkType(request);
        decide(host, nameBytes, request, deadline, reply);
    }

    /** {@code POST /apply/{name}}. */
    void apply(String name, Request request, Deadline deadline, Reply reply) {
        byte[] nameBytes = name.getBytes(StandardCharsets.UTF_8);
        Host<?> host = functions.hostOfEvent(nameBytes);
        if (host == null) {
            throw new Refused(404, "unknown event", name);
        }
        checkType(request);
        evolve(host, nameBytes, request, deadline, reply);
    }

    private static void checkType(Request request) {
        if (!request.fields().contentType().equals(DATUM_TYPE)) {
            throw new Refused(415, "another content type is expected", DATUM_TYPE);
        }
    }

    private <S> void decide(Host<S> host, byte[] name, Request request, Deadline deadline, Reply reply) {
        CommandType<?, S> type = host.command(name, 0, name.length);
        Object command = readInput(type.codec(), request);
        S state = readState(host.state());
        Context context = new Context(request.fields().decoded("evento-entity-id"), request.fields().seq(),
                request.fields().decoded("evento-id"), request.fields().time(), request.fields().seed());
        try {
            List<Emitted<S>> events = type.decide(command, state, context);
            deadline.check();
            if (events.size() == 1) {
                writeOne(events.get(0), reply);
            } else {
                writeSeveral(events, reply);
            }
        } catch (Deadline.Passed passed) {
            throw passed;
        } catch (Throwable thrown) {
            deadline.check();
            reply.failure(failures.of(thrown, context.commandId()));
        }
    }

    private <S> void evolve(Host<S> host, byte[] name, Request request, Deadline deadline, Reply reply) {
        EventType<?, S> type = host.event(name, 0, name.length);
        Object event = readInput(type.codec(), request);
        S before = readState(host.state());
        ApplyContext context = new ApplyContext(request.fields().decoded("evento-entity-id"), request.fields().time());
        try {
            S after = type.apply(event, before, context);
            deadline.check();
            if (after == null) {
                reply.empty(204);
            } else {
                reply.ok(DATUM_TYPE);
                host.state().write(reply.body, after);
            }
        } catch (Deadline.Passed passed) {
            throw passed;
        } catch (Throwable thrown) {
            deadline.check();
            reply.failure(failures.of(thrown, request.fields().decoded("evento-id")));
        }
    }

    /** The first field of the body; the state is read next. */
    private <T> T readInput(Codec<T> codec, Request request) {
        try {
            return codec.readNext(datum.over(request.body(), request.bodyFrom(), request.bodyTo()));
        } catch (Malformed malformed) {
            throw new Refused(400, "undecodable payload", malformed.getMessage());
        }
    }

    private <S> S readState(Codec<S> codec) {
        try {
            if (datum.readIndex(2) == 1) {
                return codec.readAll(datum);
            }
            datum.end();
            return null;
        } catch (Malformed malformed) {
            throw new Refused(400, "undecodable entity", malformed.getMessage());
        }
    }

    private <S> void writeOne(Emitted<S> event, Reply reply) {
        reply.ok(DATUM_TYPE);
        reply.event(event.type().codec().name());
        write(event.type().codec(), event.event(), reply.body);
    }

    private <S> void writeSeveral(List<Emitted<S>> events, Reply reply) {
        reply.ok(EVENTS_TYPE);
        reply.body.writeLong(events.size());
        for (Emitted<S> event : events) {
            byte[] name = event.type().nameBytes();
            reply.body.writeBytes(name, 0, name.length);
            scratch.clear(Limits.KEPT_BYTES);
            write(event.type().codec(), event.event(), scratch);
            reply.body.writeBytes(scratch);
        }
        reply.body.writeIndex(0);
    }

    private static <E> void write(Codec<E> codec, Object event, Writer out) {
        codec.write(out, codec.type().cast(event));
    }
}
