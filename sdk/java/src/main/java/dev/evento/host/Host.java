package dev.evento.host;

import dev.evento.codec.Codec;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An entity's function by names: which commands it decides, which events it applies, with their codecs. */
public final class Host<S> {
    private final Codec<S> state;
    private final byte[] nameBytes;
    private final int stateVersion;
    private final List<Schema> schemas;
    private final Names<CommandType<?, S>> commands;
    private final Names<EventType<?, S>> events;
    private final Map<Class<?>, CommandType<?, S>> commandsByClass = new HashMap<>();
    private final Map<Class<?>, EventType<?, S>> eventsByClass = new HashMap<>();

    /** A schema by its full name, as JSON text; other named types in it are defined before it, or in it. */
    public record Schema(String name, String json) {}

    private Host(Builder<S> builder) {
        state = builder.state;
        nameBytes = state.name().getBytes(StandardCharsets.UTF_8);
        stateVersion = builder.stateVersion;
        schemas = List.copyOf(builder.schemas);
        commands = new Names<>(builder.commands);
        events = new Names<>(builder.events);
        builder.commands.values().forEach(type -> commandsByClass.put(type.codec().type(), type));
        builder.events.values().forEach(type -> eventsByClass.put(type.codec().type(), type));
    }

    /** Begins one for an entity. */
    public static <S> Builder<S> of(Codec<S> state, int stateVersion) {
        return new Builder<>(state, stateVersion);
    }

    /** Full name of the entity. */
    public String entity() {
        return state.name();
    }

    /** Whether these UTF-8 bytes are the entity's full name. */
    public boolean isEntity(byte[] name, int from, int length) {
        return Arrays.equals(nameBytes, 0, nameBytes.length, name, from, from + length);
    }

    /** Bytes of its state. */
    public Codec<S> state() {
        return state;
    }

    /** Its schemas, each named type once. */
    public List<Schema> schemas() {
        return schemas;
    }

    /** Raised when apply changes meaning. */
    public int stateVersion() {
        return stateVersion;
    }

    /** Its commands, in the order of the generated code. */
    public Collection<CommandType<?, S>> commands() {
        return commands.values();
    }

    /** Its events, in the order of the generated code. */
    public Collection<EventType<?, S>> events() {
        return events.values();
    }

    /** The command whose full name these UTF-8 bytes are, or null. */
    public CommandType<?, S> command(byte[] name, int from, int length) {
        return commands.get(name, from, length);
    }

    /** The event whose full name these UTF-8 bytes are, or null. */
    public EventType<?, S> event(byte[] name, int from, int length) {
        return events.get(name, from, length);
    }

    /** The kind of a command. */
    public CommandType<?, S> commandOf(Object command) {
        return known(commandsByClass.get(command.getClass()), command, "command");
    }

    /** The kind of an event. */
    public EventType<?, S> eventOf(Object event) {
        return known(eventsByClass.get(event.getClass()), event, "event");
    }

    private <T> T known(T type, Object value, String what) {
        if (type == null) {
            String name = value.getClass().getSimpleName();
            throw new IllegalArgumentException(name + " is no " + what + " of " + entity());
        }
        return type;
    }

    /** Puts a host together. Events come before the commands that answer them. */
    public static final class Builder<S> {
        private final Codec<S> state;
        private final int stateVersion;
        private final List<Schema> schemas = new ArrayList<>();
        private final Map<String, CommandType<?, S>> commands = new LinkedHashMap<>();
        private final Map<String, EventType<?, S>> events = new LinkedHashMap<>();

        private Builder(Codec<S> state, int stateVersion) {
            if (stateVersion < 1) {
                throw new IllegalArgumentException(state.name() + ": stateVersion begins at 1, not " + stateVersion);
            }
            this.state = state;
            this.stateVersion = stateVersion;
        }

        /** A schema; a long one may come in parts, since the class file bounds one constant. */
        public Builder<S> schema(String name, String... json) {
            schemas.add(new Schema(name, String.join("", json)));
            return this;
        }

        /** An event that is applied. */
        public <E> Builder<S> event(Codec<E> codec, Evolve<E, S> evolve) {
            events.put(codec.name(), new EventType<>(codec, false, evolve));
            return this;
        }

        /** A rejection that leaves the state as it is. */
        public <E> Builder<S> rejection(Codec<E> codec) {
            events.put(codec.name(), new EventType<>(codec, true, null));
            return this;
        }

        /** A rejection that is applied as well. */
        public <E> Builder<S> rejection(Codec<E> codec, Evolve<E, S> evolve) {
            events.put(codec.name(), new EventType<>(codec, true, evolve));
            return this;
        }

        /** A command and what it may answer. */
        public <C> Builder<S> command(Codec<C> codec, Decide<C, S> decide, Codec<?>... emits) {
            Map<Class<?>, EventType<?, S>> types = new LinkedHashMap<>();
            for (Codec<?> event : emits) {
                types.put(event.type(), events.get(event.name()));
            }
            commands.put(codec.name(), new CommandType<>(codec, decide, types));
            return this;
        }

        /** The host. */
        public Host<S> build() {
            return new Host<>(this);
        }
    }
}
