package dev.evento.host;

import dev.evento.Context;
import dev.evento.Events;
import dev.evento.Failure;
import dev.evento.codec.Codec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A kind of command of an entity.
 *
 * @param codec its name and bytes
 * @param decide what decides it
 * @param emits every kind of event it may answer, by the event's class
 */
public record CommandType<C, S>(Codec<C> codec, Decide<C, S> decide, Map<Class<?>, EventType<?, S>> emits) {
    /** An event and what kind it is. */
    public record Emitted<S>(EventType<?, S> type, Object event) {}

    /**
     * Decides.
     *
     * @throws Failure of kind CONTRACT when there is no event, or one that this command may not answer
     */
    public List<Emitted<S>> decide(Object command, S state, Context context) {
        Events<?> events = decide.decide(codec.type().cast(command), state, context);
        if (events == null || events.toList().isEmpty()) {
            throw Failure.contract(codec.name() + " was answered by no event",
                    "handle answers one or more events; a business no is an event, too");
        }
        List<?> list = events.toList();
        if (list.size() == 1) {
            return List.of(emitted(list.get(0)));
        }
        ArrayList<Emitted<S>> emitted = new ArrayList<>(list.size());
        for (Object event : list) {
            emitted.add(emitted(event));
        }
        return emitted;
    }

    private Emitted<S> emitted(Object event) {
        EventType<?, S> type = emits.get(event.getClass());
        if (type == null) {
            throw Failure.contract(codec.name() + " was answered by " + event.getClass().getSimpleName(),
                    "add the event to the command's emits, or answer one of " + names());
        }
        return new Emitted<>(type, event);
    }

    private List<String> names() {
        return emits.values().stream().map(type -> type.codec().name()).sorted().toList();
    }
}
