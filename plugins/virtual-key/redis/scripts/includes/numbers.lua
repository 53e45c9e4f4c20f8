--- Redis formats each number that a script hands it as a float, and the client's parser rounds the largest integers: so integers
--- go out as text. `text + 0` is a number as tonumber(text) makes it, in a third of the time, and fails where it is none.

--- An integer as decimal text.
local function exact(number)
  return string.format('%.0f', number)
end

--- The text where it is a whole number, as registry/key-record.ts reads it; else false or nil.
local function whole(text)
  return text and string.match(text, '^%d+$')
end
