-- Values in the captions of cells: `{python} expr` in fig-cap, fig-subcap, fig-alt and tbl-cap.
-- Quarto's Jupyter engine leaves them as they are written. cvlib.journal prints what they are, as one
-- line below the cell's outputs; here the line goes and the values stand in the captions.

local ANSWER = "cvlib-values: "
local ASKED = "^{python}%s+(.-)%s*$"
local IN_TEXT = "`{python}%s+([^`]-)%s*`"

local MARKDOWN, PLAIN = "text/markdown", "text/plain"

-- A str's repr without its quotes.
local function without_quotes(text)
  return text:match("^'(.*)'$") or text:match('^"(.*)"$') or text
end

-- A value as markdown; plain text with what would mark it up escaped, as Quarto does in a text.
local function written(value)
  local escaped = without_quotes(value[PLAIN] or ""):gsub("[\\`*_{}%[%]()<>#$^~@|]", "\\%0")
  return value[MARKDOWN] or escaped
end

local function parsed(value)
  local blocks = pandoc.read(written(value), "markdown").blocks
  return #blocks == 1 and blocks[1].content or pandoc.Inlines(written(value))
end

-- The answers below a cell, taken out of it.
local function take_answers(cell)
  local answers = {}
  local function without(block)
    local is_output = block.t == "Div" and block.classes:includes("cell-output-stdout")
    if not is_output or block.content[1].t ~= "CodeBlock" then return block end
    local lines = {}
    for _, inner in ipairs(block.content) do
      for line in (inner.text .. "\n"):gmatch("(.-)\n") do
        if line:sub(1, #ANSWER) == ANSWER then
          for asked, value in pairs(pandoc.json.decode(line:sub(#ANSWER + 1), false)) do
            answers[asked] = value
          end
        else
          lines[#lines + 1] = line
        end
      end
    end
    if next(answers) == nil then return block end
    if #lines == 0 then return nil end
    block.content = { pandoc.CodeBlock(table.concat(lines, "\n")) }
    return block
  end
  local kept = pandoc.Blocks({})
  for _, block in ipairs(cell.content) do
    local left = without(block)
    if left ~= nil then kept:insert(left) end
  end
  cell.content = kept
  return answers
end

local function stop(asked, why)
  -- Quarto's error() only writes to its log
  io.stderr:write("ERROR: the value `{python} " .. asked .. "` in a caption " .. why .. "\n")
  os.exit(1)
end

local function answer_of(answers, asked)
  local value = answers[asked]
  if value == nil then
    stop(asked, "was not computed: a cell before it has to say `from cvlib.journal import experiment`")
  elseif value.error ~= nil then
    stop(asked, "failed: " .. value.error)
  end
  return value
end

local function fill(cell)
  local answers = take_answers(cell)
  -- An attribute is markdown that Quarto reads later (tbl-cap), or plain text (fig-alt).
  local function attributes(element)
    for _, name in ipairs({ "fig-cap", "fig-alt", "tbl-cap" }) do
      local text = element.attributes[name]
      if text ~= nil then
        element.attributes[name] = text:gsub(IN_TEXT, function(asked)
          local value = answer_of(answers, asked)
          if name == "fig-alt" then return pandoc.utils.stringify(parsed(value)) end
          return written(value)
        end)
      end
    end
    return element
  end
  local function code(element)
    local asked = element.text:match(ASKED)
    if asked ~= nil then return parsed(answer_of(answers, asked)) end
  end
  cell = attributes(cell)
  return cell:walk({ Code = code, Image = attributes, Div = attributes })
end

-- Cells are looked for in blocks alone: a walk through every word of a report takes a second.
local function fill_in(blocks)
  local changed = false
  for place, block in ipairs(blocks) do
    if block.t == "Div" then
      if block.classes:includes("cell") then
        blocks[place] = fill(block)
        changed = true
      else
        local inner = block.content
        if fill_in(inner) then
          block.content = inner
          blocks[place] = block
          changed = true
        end
      end
    end
  end
  return changed
end

function Pandoc(document)
  local blocks = document.blocks
  if fill_in(blocks) then return pandoc.Pandoc(blocks, document.meta) end
end
