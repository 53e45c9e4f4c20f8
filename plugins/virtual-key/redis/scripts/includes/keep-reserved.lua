-- Writes the sum of the reservations, by SET alone. It outlives every reservation in it: milliseconds.
redis.call('SET', reserved_name, string.format('%.0f', reserved), 'PX', reserved > 0 and '1800000' or '1')
