package dev.evento.codec;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import org.apache.avro.LogicalType;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;

/** Random values of any schema, as Apache Avro's generic library takes them; extremes are frequent. */
final class RandomDatum {
    private static final String[] TEXTS = {"", "a", "é", "\u0000", "\uffff", "😀", "naïve café", "x".repeat(200)};

    private final Random random;

    RandomDatum(long seed) {
        random = new Random(seed);
    }

    Object of(Schema schema, int depth) {
        return switch (schema.getType()) {
            case NULL -> null;
            case BOOLEAN -> random.nextBoolean();
            case INT -> number(schema).intValue();
            case LONG -> number(schema).longValue();
            case FLOAT -> random.nextInt(8) == 0 ? Float.NaN : Float.intBitsToFloat(random.nextInt());
            case DOUBLE -> random.nextInt(8) == 0 ? -0.0 : Double.longBitsToDouble(random.nextLong());
            case STRING -> isLogical(schema, "uuid") ? uuid() : text();
            case BYTES -> bytes(schema);
            case FIXED -> fixed(schema);
            case ENUM -> {
                List<String> symbols = schema.getEnumSymbols();
                yield new GenericData.EnumSymbol(schema, symbols.get(random.nextInt(symbols.size())));
            }
            case ARRAY -> list(schema.getElementType(), depth);
            case MAP -> map(schema.getValueType(), depth);
            case UNION -> of(branch(schema, depth), depth + 1);
            case RECORD -> {
                GenericData.Record record = new GenericData.Record(schema);
                schema.getFields().forEach(field -> record.put(field.pos(), of(field.schema(), depth + 1)));
                yield record;
            }
        };
    }

    /** Deep down the first branch is taken, which ends recursive types. */
    private Schema branch(Schema union, int depth) {
        List<Schema> types = union.getTypes();
        int nothing = types.indexOf(Schema.create(Schema.Type.NULL));
        return types.get(depth > 12 && nothing >= 0 ? nothing : random.nextInt(types.size()));
    }

    private Number number(Schema schema) {
        boolean isLong = schema.getType() == Schema.Type.LONG;
        return switch (random.nextInt(4)) {
            case 0 -> isLong ? Long.MAX_VALUE : Integer.MAX_VALUE;
            case 1 -> isLong ? Long.MIN_VALUE : Integer.MIN_VALUE;
            case 2 -> random.nextInt(100) - 50;
            default -> isLong ? random.nextLong() : random.nextInt();
        };
    }

    private String uuid() {
        return new UUID(random.nextLong(), random.nextLong()).toString();
    }

    private String text() {
        return TEXTS[random.nextInt(TEXTS.length)];
    }

    private static boolean isLogical(Schema schema, String name) {
        LogicalType logical = schema.getLogicalType();
        return logical != null && logical.getName().equals(name);
    }

    private BigInteger unscaled(LogicalTypes.Decimal decimal) {
        BigInteger bound = BigInteger.TEN.pow(decimal.getPrecision());
        BigInteger value = new BigInteger(bound.bitLength(), random).mod(bound);
        value = random.nextInt(4) == 0 ? value.mod(BigInteger.valueOf(300)) : value;
        return random.nextBoolean() ? value : value.negate();
    }

    private ByteBuffer bytes(Schema schema) {
        if (schema.getLogicalType() instanceof LogicalTypes.Decimal decimal) {
            return ByteBuffer.wrap(new BigDecimal(unscaled(decimal), decimal.getScale()).unscaledValue().toByteArray());
        }
        byte[] bytes = new byte[random.nextInt(20)];
        random.nextBytes(bytes);
        return ByteBuffer.wrap(bytes);
    }

    private GenericData.Fixed fixed(Schema schema) {
        byte[] bytes = new byte[schema.getFixedSize()];
        random.nextBytes(bytes);
        if (schema.getLogicalType() instanceof LogicalTypes.Decimal decimal) {
            byte[] number = unscaled(decimal).toByteArray();
            java.util.Arrays.fill(bytes, (byte) (number[0] < 0 ? -1 : 0));
            System.arraycopy(number, 0, bytes, bytes.length - number.length, number.length);
        }
        return new GenericData.Fixed(schema, bytes);
    }

    private List<Object> list(Schema item, int depth) {
        List<Object> items = new ArrayList<>();
        for (int left = depth > 12 ? 0 : random.nextInt(4); left > 0; left--) {
            items.add(of(item, depth + 1));
        }
        return items;
    }

    private Map<String, Object> map(Schema value, int depth) {
        Map<String, Object> entries = new LinkedHashMap<>();
        for (int left = depth > 12 ? 0 : random.nextInt(5); left > 0; left--) {
            entries.put(text() + random.nextInt(10), of(value, depth + 1));
        }
        return entries;
    }
}
