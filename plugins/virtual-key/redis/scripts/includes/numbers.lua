--- An integer as decimal text: Redis formats each number that a script hands it as a float, and the client's parser rounds the largest
--- integers.
local function exact(number)
  return string.format('%.0f', number)
end
