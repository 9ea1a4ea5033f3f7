package everything;

import dev.evento.ApplyContext;
import dev.evento.Context;
import dev.evento.Events;
import dev.evento.host.Host;

/** Hosts of the generator's golden project, whose functions decide nothing: their codecs are what is tested. */
public final class Generated {
    private Generated() {}

    /** The first entity. */
    public static Host<Thing> things() {
        return new Things().host();
    }

    /** The second, which shares a type with the first. */
    public static Host<Shelf> shelves() {
        return new Shelves().host();
    }

    private static final class Things implements ThingFunction {
        @Override
        public Events<PutResult> put(Put command, Thing state, Context context) {
            return Events.of(new PutRefused("nothing is put here"));
        }

        @Override
        public Events<DropResult> drop(Drop command, Thing state, Context context) {
            return Events.of(new ThingDropped());
        }

        @Override
        public Thing onThingPut(ThingPut event, Thing state, ApplyContext context) {
            return state;
        }

        @Override
        public Thing onThingDropped(ThingDropped event, Thing state, ApplyContext context) {
            return null;
        }

        @Override
        public Thing onPutCounted(PutCounted event, Thing state, ApplyContext context) {
            return state;
        }
    }

    private static final class Shelves implements ShelfFunction {
        @Override
        public Events<PaintShelfResult> paintShelf(PaintShelf command, Shelf state, Context context) {
            return Events.of(new ShelfPainted(command.colour(), new Line(1)));
        }

        @Override
        public Shelf onShelfPainted(ShelfPainted event, Shelf state, ApplyContext context) {
            return new Shelf(event.colour(), event.line());
        }
    }
}
